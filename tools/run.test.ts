import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, utimesSync } from 'node:fs';
import { once } from 'node:events';
import path from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from './temporary-folder.js';
import { ROOT } from './workspace.mjs';

/** A clone in a path with a space, whose vitest, turbo, npm and convkit only say that they were called. */
function clone(options: { needs?: string; vitest?: string; turbo?: string } = {}): string {
  const root = temporaryFolder({
    'package.json': { engines: { node: options.needs ?? '>=20.19' } },
    'package-lock.json': '{}',
    'node_modules/.package-lock.json': '{}',
    'node_modules/vitest/package.json': { bin: { vitest: 'vitest.mjs' } },
    'node_modules/vitest/vitest.mjs': options.vitest ?? "console.log('vitest', process.argv.slice(2).join(' '));\n",
    'node_modules/turbo/package.json': { bin: { turbo: './bin/turbo' } },
    'node_modules/turbo/bin/turbo': options.turbo ?? "console.log('turbo', process.argv.slice(2, 4).join(' '));\n",
    'bench/bin/convkit.js': "console.log('convkit', process.argv.slice(2).join('|'));\n",
    'npm.cjs': "require('node:fs').writeFileSync('installed', process.argv.slice(2).join(' '));\n",
  });
  cpSync(path.join(ROOT, 'tools/run.mjs'), path.join(root, 'tools/run.mjs'));
  return root;
}

function run(root: string, ...args: string[]) {
  const env = { ...process.env, npm_execpath: path.join(root, 'npm.cjs') };
  return spawnSync(process.execPath, [path.join(root, 'tools/run.mjs'), ...args], { encoding: 'utf8', env });
}

it('runs the tests with the arguments it was given and says so', () => {
  const root = clone();
  const { status, stdout, stderr } = run(root, 'test', 'packages/core', '--reporter=dot');
  expect(stdout).toBe('vitest run packages/core --reporter=dot\n');
  expect(stderr).toBe('convkit: running the tests (vitest run)\n');
  expect(status).toBe(0);
  expect(existsSync(path.join(root, 'installed'))).toBe(false);
});

it('builds, then starts the benchmark with the arguments as they are, results alone on stdout', () => {
  const { status, stdout, stderr } = run(clone(), 'start', '--data', '/my data/set', '--json');
  expect(stdout).toBe('convkit start|--data|/my data/set|--json\n');
  expect(stderr).toContain('turbo run build');
  expect(status).toBe(0);
});

it('builds the code without type declarations', () => {
  const { stderr } = run(clone({ turbo: "console.log('declarations', process.env.CONVKIT_DECLARATIONS);\n" }), 'start');
  expect(stderr).toContain('declarations none\n');
});

it('does not start the benchmark when the build fails', () => {
  const { status, stdout } = run(clone({ turbo: 'process.exit(5);\n' }), 'start');
  expect(stdout).toBe('');
  expect(status).toBe(5);
});

it('installs when nothing is installed, or the lock file is newer', () => {
  const root = clone();
  const now = Date.now() / 1000;
  utimesSync(path.join(root, 'node_modules/.package-lock.json'), now - 60, now - 60);
  const { status, stderr } = run(root, 'test');
  expect(status).toBe(0);
  expect(stderr).toContain('convkit: installing the dependencies (npm ci)\n');
  expect(readFileSync(path.join(root, 'installed'), 'utf8')).toBe('ci');
});

it('says which Node it needs, in one line', () => {
  const { status, stdout, stderr } = run(clone({ needs: '>=99.1' }), 'test');
  expect(stdout).toBe('');
  expect(stderr).toBe(`convkit: Node must be >=99.1, got ${process.versions.node}: install a newer one from https://nodejs.org\n`);
  expect(status).toBe(4);
});

it('refuses a task that it does not know', () => {
  const { status, stderr } = run(clone(), 'tset');
  expect(stderr).toBe('convkit: the task must be start or test, got "tset"\n');
  expect(status).toBe(2);
});

it('ends with the exit code of the work', () => {
  expect(run(clone({ vitest: 'process.exit(3);\n' }), 'test').status).toBe(3);
});

it.each(['SIGINT', 'SIGTERM'] as const)('passes %s on and waits for the answer', async (signal) => {
  const root = clone({ vitest: `process.on('${signal}', () => process.exit(42));\nconsole.log('ready');\nsetInterval(() => {}, 1000);\n` });
  const child = spawn(process.execPath, [path.join(root, 'tools/run.mjs'), 'test'], { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(child.stdout, 'data');
  child.kill(signal);
  const [code] = await once(child, 'close');
  expect(code).toBe(42);
});

it('names the signal in its exit code when the work died of one', () => {
  const root = clone({ vitest: "process.kill(process.pid, 'SIGTERM');\nsetInterval(() => {}, 1000);\n" });
  expect(run(root, 'test').status).toBe(143);
});
