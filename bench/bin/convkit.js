#!/usr/bin/env node
import { existsSync } from 'node:fs';

const cli = new URL('../dist/cli.js', import.meta.url);
if (existsSync(cli)) {
  const { runFromTerminal } = await import(cli.href);
  await runFromTerminal();
} else {
  process.stderr.write('convkit: it is not built yet: run "npm run build"\n');
  process.exitCode = 4;
}
