import '@tensorflow/tfjs-backend-cpu';
import { createServer, type Server } from 'node:http';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { stateDict, writeSafetensors, type StateDictEntry } from '@convkit/weights';
import { loadModel } from '@convkit/weights/node';
import { zoo } from '@convkit/zoo';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { main } from './main.js';

let folder: string;
let weights: StateDictEntry[];
let server: Server;
let origin: string;
beforeAll(async () => {
  await tf.setBackend('cpu');
  folder = await mkdtemp(join(tmpdir(), 'convkit import \u00e9 '));
  vi.stubEnv('XDG_CACHE_HOME', join(folder, 'cache'));
  const model = zoo.get('resnet_tiny').build({ seed: 9, inputShape: [28, 28, 3] });
  weights = stateDict(model);
  model.dispose();
  await writeFile(join(folder, 'good.safetensors'), writeSafetensors(weights));
  await writeFile(join(folder, 'cut.safetensors'), writeSafetensors(weights).subarray(0, 5000));
  await writeFile(join(folder, 'nan.safetensors'), writeSafetensors(weights.map((entry) => (entry.name === 'fc.bias' ? { ...entry, values: entry.values.map(() => Number.NaN) } : entry))));
  await writeFile(join(folder, 'wrapped.safetensors'), writeSafetensors(weights.map((entry) => ({ ...entry, name: `model.${entry.name}` }))));
  await writeFile(join(folder, 'a-file'), '');
  const content = await readFile(join(folder, 'good.safetensors'));
  server = createServer((_, response) => void response.writeHead(200, { 'content-length': content.length }).end(content));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  vi.unstubAllEnvs();
  server.close();
  await rm(folder, { recursive: true, force: true });
});

async function run(...argv: string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const before = tf.memory().numTensors;
  const code = await main(['import', ...argv], { stdout, stderr, cwd: folder, env: {}, signal: new AbortController().signal });
  expect(tf.memory().numTensors).toBe(before);
  return { code, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') };
}
const RGB = ['--model', 'resnet_tiny', '--input', '28x28x3'];

describe('convkit import', () => {
  it('writes the model with the weights, and says what it loaded', async () => {
    const { code, out, err } = await run('good.safetensors', ...RGB, '--out', 'net');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^model +resnet_tiny\nfrom +good\.safetensors\nloaded +\d+ weights, [\d,]+ values\nwritten +net\/model\.json\n +net\/weights\.bin\n$/);
    const model = await loadModel(join(folder, 'net'));
    expect(stateDict(model)).toEqual(weights);
    model.dispose();
    expect((await readdir(join(folder, 'net'))).sort()).toEqual(['model.json', 'weights.bin']);
  });

  it('writes into a folder named after the model unless told otherwise, and only over a model when forced', async () => {
    expect((await run('good.safetensors', ...RGB)).code).toBe(0);
    const again = await run('good.safetensors', ...RGB);
    expect(again).toMatchObject({ code: 2, err: expect.stringMatching(/--out must be a folder without a model, .*resnet_tiny has one\n--force replaces it/) });
    expect((await run('good.safetensors', ...RGB, '--force')).code).toBe(0);
  });

  it('--json is one object', async () => {
    const { code, out } = await run('wrapped.safetensors', ...RGB, '--out', 'j', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual({
      model: 'resnet_tiny', from: 'wrapped.safetensors', loaded: weights.length, values: weights.reduce((sum, { values }) => sum + values.length, 0),
      ignored: 0, kept: [], notes: ['"model." was taken off the front of the names'], warnings: [], files: [join('j', 'model.json'), join('j', 'weights.bin')],
    });
  });

  it('makes other classes and channels when asked to', async () => {
    const { code, out, err } = await run('good.safetensors', '--model', 'resnet_tiny', '--classes', '4', '--head', 'skip', '--input-channels', 'sum', '--out', 'four');
    expect(`${code} ${err}`).toBe("0 conv1.weight: 3 input channels became 1 by 'sum'\n");
    expect(out).toContain('not loaded  fc.weight, fc.bias');
    const model = await loadModel(join(folder, 'four'));
    expect([model.inputs[0]!.shape, model.outputShape]).toEqual([[null, 28, 28, 1], [null, 4]]);
    model.dispose();
  });

  it('downloads from an address, with a line of progress, once', async () => {
    const first = await run(`${origin}/net.safetensors`, ...RGB, '--out', 'far');
    expect(first).toMatchObject({ code: 0, err: expect.stringContaining('net.safetensors: downloaded') });
    const second = await run(`${origin}/net.safetensors`, ...RGB, '--out', 'far', '--force');
    expect(second).toMatchObject({ code: 0, err: '' });
  });

  it('warns of weights that are not finite, and refuses them when asked to', async () => {
    expect(await run('nan.safetensors', ...RGB, '--out', 'nan')).toMatchObject({ code: 0, err: 'convkit: warning: NaN or infinite: fc.bias: 10 of 10 values\n' });
    expect(await run('nan.safetensors', ...RGB, '--out', 'nan2', '--strict-finite')).toMatchObject({ code: 3, err: expect.stringContaining('NaN or infinite (1): fc.bias: 10 of 10 values') });
  });
});

describe('an import that cannot be', () => {
  it.each<[string, number, string[], string]>([
    ['no model', 2, ['good.safetensors'], "required option '--model <name>' not specified"],
    ['no file', 2, ['--model', 'resnet_tiny'], "missing required argument 'from'"],
    ['a model that does not exist', 2, ['good.safetensors', '--model', 'resnet_tyni'], 'did you mean resnet_tiny'],
    ['a model that is a file', 2, ['good.safetensors', '--model', 'model.json'], '--model must be a name of convkit list'],
    ['an adaptation that does not exist', 2, ['good.safetensors', ...RGB, '--input-channels', 'avg'], '--input-channels must be one of sum, mean, repeat'],
    ['channels that cannot be summed', 2, ['good.safetensors', '--model', 'resnet_tiny', '--input', '28x28x4', '--input-channels', 'sum', '--out', 'x'], "inputChannels must be 'repeat'"],
    ['an --out that is a file', 2, ['good.safetensors', ...RGB, '--out', 'a-file'], '--out must be a folder, got a file'],
    ['an --out in a missing folder', 2, ['good.safetensors', ...RGB, '--out', 'no/such'], '--out must be inside an existing folder'],
    ['a missing file', 3, ['missing.safetensors', ...RGB, '--out', 'x'], 'there is no such file'],
    ['a file that is cut off', 3, ['cut.safetensors', ...RGB, '--out', 'x'], 'it was cut off'],
    ['a file that is no weights', 3, ['a-file', ...RGB, '--out', 'x'], "got 0 bytes in all"],
    ['other classes', 3, ['good.safetensors', ...RGB, '--classes', '4', '--out', 'x'], "As flags: --head skip"],
    ['another network', 3, ['good.safetensors', '--model', 'vgg_tiny', '--out', 'x'], 'state_dict does not fit the model "vgg_tiny", which is unchanged'],
    ['a checksum that is none', 3, [`http://127.0.0.1:9/x.safetensors`, ...RGB, '--sha256', 'abc', '--out', 'x'], 'sha256 must be 64 hexadecimal digits'],
    ['a server that is not there', 4, ['http://127.0.0.1:9/x.safetensors', ...RGB, '--out', 'x'], 'Without a network: fetch http://127.0.0.1:9/x.safetensors'],
  ])('%s ends with %i, the reason, and nothing written', async (_, expected, argv, reason) => {
    const { code, out, err } = await run(...argv);
    expect(`${code} ${err}`).toContain(reason);
    expect(code).toBe(expected);
    expect(out).toBe('');
    expect(err).not.toMatch(/undefined|\[object|\n {4}at /);
    expect(await readdir(folder)).not.toContain('x');
  });

  it('still prints one JSON value when JSON was asked for', async () => {
    const { code, out } = await run('cut.safetensors', ...RGB, '--json', '--out', 'x');
    expect(JSON.parse(out)).toMatchObject({ error: { exitCode: code, message: expect.stringContaining('cut.safetensors') } });
    expect(code).toBe(3);
  });

  it.runIf(process.platform === 'linux')('a folder that cannot be written ends with 4', async () => {
    await mkdir(join(folder, 'ok'), { recursive: true });
    expect(await run('good.safetensors', ...RGB, '--out', '/proc/convkit')).toMatchObject({ code: 4, err: expect.stringMatching(/could not be written|can be written/) });
  });
});
