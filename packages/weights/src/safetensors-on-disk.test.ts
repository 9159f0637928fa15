import { execFileSync } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SafetensorsError, writeSafetensors } from './index.js';
import { openSafetensors } from './node.js';

let folder: string;
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'convkit-safetensors-')); });
afterEach(() => rm(folder, { recursive: true, force: true }));

const at = (name: string) => join(folder, name);
const vector = (name: string, ...numbers: number[]) => ({ name, shape: [numbers.length], values: Float32Array.from(numbers) });

function refusal(path: string): SafetensorsError {
  try {
    openSafetensors(path).close();
  } catch (error) {
    expect(error).toBeInstanceOf(SafetensorsError);
    expect((error as Error).message).not.toMatch(/undefined|\[object/);
    return error as SafetensorsError;
  }
  throw new Error('the file was taken');
}

describe('a file on disk', () => {
  it('is read tensor by tensor', async () => {
    await writeFile(at('a.safetensors'), writeSafetensors([vector('a', 1, 2), vector('b', 3)], { metadata: { by: 'me' } }));
    const file = openSafetensors(at('a.safetensors'));
    expect([...file.tensors.values()].map(({ name, values }) => [name, ...values])).toEqual([['a', 1, 2], ['b', 3]]);
    expect(file.metadata.get('by')).toBe('me');
    file.close();
  });

  it('that changes while it is open is refused when it is read (W20)', async () => {
    const changes: [change: (path: string) => Promise<void>, isRead: boolean][] = [
      [(path) => truncate(path, 40), false],
      [(path) => appendFile(path, 'x'), false],
      // A new file under the old name is another file: the open one is still whole.
      [(path) => rm(path).then(() => writeFile(path, '')), true],
    ];
    for (const [change, isRead] of changes) {
      const path = at('c.safetensors');
      await writeFile(path, writeSafetensors([vector('a', 1, 2)]));
      const file = openSafetensors(path);
      await change(path);
      if (isRead) expect([...file.tensors.get('a')!.values]).toEqual([1, 2]);
      else expect(() => file.tensors.get('a')!.values).toThrow(expect.objectContaining({ code: 'ERR_WEIGHTS_CHANGED' }));
      file.close();
    }
  });

  it('that is missing, a folder, a pipe, or a header beyond its end (W18, W1)', async () => {
    expect(refusal(at('none.safetensors'))).toMatchObject({ code: 'ERR_WEIGHTS_READ', message: expect.stringContaining('there is no such file') });
    expect(refusal(folder)).toMatchObject({ code: 'ERR_WEIGHTS_FORMAT', message: expect.stringContaining('this is a folder') });
    if (process.platform !== 'win32') {
      execFileSync('sh', ['-c', 'mkfifo "$0"', at('pipe.safetensors')]);
      expect(refusal(at('pipe.safetensors'))).toMatchObject({ code: 'ERR_WEIGHTS_FORMAT', message: expect.stringContaining('a pipe') });
    }
    await writeFile(at('big.safetensors'), Buffer.from([0, 0xe1, 0xf5, 0x05, 0, 0, 0, 0, 0x7b]));
    expect(refusal(at('big.safetensors'))).toMatchObject({ code: 'ERR_WEIGHTS_HEADER', message: expect.stringContaining('at most the 1 bytes that follow it, got 100000000') });
  });
});

describe('a sharded file (W19)', () => {
  const index = async (map: unknown) => {
    await writeFile(at('m.safetensors.index.json'), typeof map === 'string' ? map : JSON.stringify({ metadata: {}, weight_map: map }));
    return at('m.safetensors.index.json');
  };
  beforeEach(async () => {
    await writeFile(at('1.safetensors'), writeSafetensors([vector('a', 1), vector('b', 2)]));
    await writeFile(at('2.safetensors'), writeSafetensors([vector('c', 3)]));
  });

  it('is one list of tensors', async () => {
    const file = openSafetensors(await index({ c: '2.safetensors', a: '1.safetensors', b: '1.safetensors' }));
    expect([...file.tensors.values()].map(({ name, values }) => [name, ...values])).toEqual([['c', 3], ['a', 1], ['b', 2]]);
    file.close();
  });

  it.each<[string, unknown, RegExp]>([
    ['a shard that is missing', { a: '1.safetensors', b: '1.safetensors', c: '3.safetensors' }, /the shard "3.safetensors" cannot be read: there is no such file/],
    ['a shard above the folder', { a: '../1.safetensors' }, /tensor "a": its shard must be a .safetensors file beside the index, got "..\/1.safetensors"/],
    ['a shard by its whole path', { a: '/1.safetensors' }, /beside the index/],
    ['a shard in a Windows folder', { a: 'x\\1.safetensors' }, /beside the index/],
    ['a shard that is a number', { a: 1 }, /got "1"/],
    ['a tensor in another shard', { a: '1.safetensors', b: '1.safetensors', c: '1.safetensors' }, /tensor "c": is not in the shard "1.safetensors"/],
    ['a tensor that the index lacks', { a: '1.safetensors', c: '2.safetensors' }, /tensor "b": the index does not have it, the shard "1.safetensors" does/],
    ['a tensor twice', '{"weight_map": {"a": "1.safetensors", "a": "2.safetensors"}}', /tensor "a": must be there once/],
    ['no JSON', '{', /the index must be JSON/],
    ['no map', '{"metadata": {}}', /with a weight_map/],
    ['a list', '{"weight_map": []}', /with a weight_map/],
  ])('%s is refused', async (_, map, says) => {
    const error = refusal(await index(map));
    expect(error).toMatchObject({ code: 'ERR_WEIGHTS_SHARD', file: at('m.safetensors.index.json') });
    expect(error.message).toMatch(says);
  });

  it('the same tensor in two shards is refused', async () => {
    await writeFile(at('2.safetensors'), writeSafetensors([vector('a', 9), vector('c', 3)]));
    expect(refusal(await index({ a: '1.safetensors', b: '1.safetensors', c: '2.safetensors' })).message).toMatch(/tensor "a": is in the shard "2.safetensors" and, by the index, in "1.safetensors"/);
  });

  it('a folder with the index\'s name is refused', async () => {
    await mkdir(at('d.index.json'));
    expect(refusal(at('d.index.json')).code).toBe('ERR_WEIGHTS_FORMAT');
  });
});
