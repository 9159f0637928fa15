import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

// The real command in its own process, read from source.
const LOADER = new URL('../../../testing/src/typescript-loader.mjs', import.meta.url).href;
const ENTRY = new URL('../cli.ts', import.meta.url).href;
const RUN = `import(${JSON.stringify(ENTRY)}).then((cli) => cli.runFromTerminal())`;

let folder: string;
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'convkit-process-')); });
afterAll(() => rm(folder, { recursive: true, force: true }));

function start(...argv: string[]): ChildProcess {
  // Through the environment, so that measuring processes read source as well.
  const env = { ...process.env, NODE_OPTIONS: `--conditions=@convkit/source --import=${LOADER}` };
  return spawn(process.execPath, ['--input-type=module', '--eval', RUN, 'convkit', ...argv], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
}

function ended(child: ChildProcess): Promise<{ code: number | null; err: string }> {
  let err = '';
  child.stderr?.on('data', (chunk) => { err += String(chunk); });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, err })));
}

describe('the command as a process', () => {
  it('ends quietly when nobody reads its output any more', async () => {
    const child = start('list', '--json');
    const end = ended(child);
    child.stdout?.destroy();
    expect(await end).toEqual({ code: 0, err: '' });
  });

  it('stops at once on SIGINT, with 130, and leaves no child behind', async () => {
    const child = start('bench', 'accuracy', 'resnet_tiny', '--data', 'shapes', '--epochs', '500', '--out', 'r');
    const end = ended(child);
    await new Promise<void>((resolve) => child.stderr?.on('data', (chunk) => { if (String(chunk).includes('started')) resolve(); }));
    const [worker] = await childrenOf(child.pid!);
    expect(worker).toBeDefined();
    const asked = performance.now();
    child.kill('SIGINT');
    expect((await end).code).toBe(130);
    expect(performance.now() - asked).toBeLessThan(2000);
    expect(() => process.kill(worker!, 0)).toThrow('ESRCH');
  });
});

async function childrenOf(pid: number): Promise<number[]> {
  const list = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return list.trim().split(/\s+/).filter((word) => word !== '').map(Number);
}
