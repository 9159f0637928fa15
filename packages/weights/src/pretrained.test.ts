import '@tensorflow/tfjs-backend-cpu';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { conv2d, dense, flatten, OptionError } from '@convkit/core';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { saveSafetensors, stateDict, StateDictError } from './index.js';
import { loadPretrained, PretrainedError, type LoadPretrainedOptions } from './node.js';

const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

let folder: string;
let server: Server;
let origin: string;
let requests: IncomingMessage[];
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let model: tfl.LayersModel;
let good: Uint8Array;
let trained: ReturnType<typeof stateDict>;

beforeAll(async () => {
  await tf.setBackend('cpu');
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'convkit-weights-test-'));
  vi.stubEnv('TMPDIR', join(folder, 'tmp'));
  await mkdir(join(folder, 'tmp'));
  model = build();
  for (const weight of model.weights) weight.write(tf.randomNormal(weight.shape as number[], 0, 1, 'float32', 7));
  trained = stateDict(model);
  good = saveSafetensors(model);
  model.dispose();
  model = build();
  requests = [];
  answer = serve(good);
  server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  vi.unstubAllEnvs();
  model.dispose();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

function build(): tfl.LayersModel {
  const x = tfl.input({ shape: [6, 6, 3] });
  return tfl.model({ inputs: x, outputs: dense(flatten(conv2d(x, { filters: 8, kernelSize: 3, name: 'conv' })), { units: 4, name: 'fc' }), name: 'net' });
}

/** Serves a file as the hub does: ranges, and the SHA-256 of large files as an ETag. */
function serve(content: Uint8Array, headers: Record<string, string> = {}) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const [, first = '0', last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
    const part = content.subarray(Number(first), last ? Number(last) + 1 : undefined);
    const all = { etag: `"${sha256(good)}"`, ...headers };
    if (request.headers.range) response.writeHead(206, { ...all, 'content-range': `bytes ${first}-${Number(first) + part.length - 1}/${content.length}` }).end(part);
    else response.writeHead(200, { ...all, 'content-length': content.length }).end(part);
  };
}

const load = (options: Partial<LoadPretrainedOptions> = {}) =>
  loadPretrained(model, { from: `${origin}/nets/net.safetensors`, cacheDirectory: join(folder, 'cache'), stallTimeoutMs: 2000, timeoutMs: 10_000, ...options });
async function failure(promise: Promise<unknown>): Promise<Error & { code: string }> {
  const before = stateDict(model);
  const error = await promise.then(() => undefined, (reason: unknown) => reason);
  expect(error).toBeInstanceOf(Error);
  expect(stateDict(model)).toEqual(before);
  return error as Error & { code: string };
}
const filesIn = async (name: string) => (await readdir(join(folder, name), { recursive: true, withFileTypes: true }).catch(() => [])).filter((entry) => entry.isFile()).map((entry) => entry.name).sort();

describe('a file', () => {
  it('is loaded bit for bit', async () => {
    const path = join(folder, 'net.safetensors');
    await writeFile(path, good);
    const report = await loadPretrained(model, { from: path });
    expect(report).toMatchObject({ path, loaded: ['conv.bias', 'conv.weight', 'fc.bias', 'fc.weight'], notes: [], warnings: [] });
    expect(stateDict(model)).toEqual(trained);
    expect(saveSafetensors(model)).toEqual(good);
    expect(requests).toEqual([]);
  });

  it.each([
    ['missing.safetensors', /from must be a .safetensors file, an https:\/\/ address or a hub id .*: there is no such file/],
    ['weights/missing.safetensors', /there is no such file/],
    ['resnet50', /got "resnet50": this is none of them/],
    ['../up', /this is none of them/],
    ['a/b/c', /this is none of them/],
  ])('%s that is not there is refused', async (from, says) => {
    const error = await failure(load({ from }));
    expect(error).toBeInstanceOf(PretrainedError);
    expect(error).toMatchObject({ code: 'ERR_WEIGHTS_SOURCE', message: expect.stringMatching(says) });
  });

  it('that does not fit leaves the model unchanged', async () => {
    const path = join(folder, 'net.safetensors');
    const other = tfl.sequential({ layers: [tfl.layers.dense({ units: 4, inputShape: [2], name: 'fc' })] });
    await writeFile(path, saveSafetensors(other));
    other.dispose();
    expect(await failure(load({ from: path }))).toBeInstanceOf(StateDictError);
  });

  it('with a misspelt option is not even opened', async () => {
    const error = await failure(load({ heads: 'skip' } as never));
    expect(error).toBeInstanceOf(OptionError);
    expect(error.message).toMatch(/loadPretrained: unknown option heads, did you mean head\?/);
    expect(requests).toEqual([]);
  });
});

describe('an address', () => {
  it('is downloaded once, reports its progress, and comes from the cache afterwards', async () => {
    const seen: number[] = [];
    const report = await load({ onProgress: ({ received, total }) => void seen.push(received, total ?? -1) });
    expect(stateDict(model)).toEqual(trained);
    expect(seen.slice(-2)).toEqual([good.length, good.length]);
    expect(relative(join(folder, 'cache'), report.path)).toMatch(/^127\.0\.0\.1_\d+\/[0-9a-f]{12}\/net\.safetensors$/);
    expect(await readFile(report.path)).toEqual(Buffer.from(good));
    expect(await filesIn('cache')).toEqual(['net.safetensors', 'net.safetensors.sha256']);
    server.close();
    server.closeAllConnections();
    expect((await load()).path).toBe(report.path);
    expect(requests).toHaveLength(1);
  });

  it('is fetched again when asked to, and when the cache is damaged, which is said', async () => {
    const { path } = await load();
    await load({ refresh: true });
    expect(requests).toHaveLength(2);
    for (const spoil of [good.map((byte, i) => (i === good.length - 1 ? byte ^ 1 : byte)), good.subarray(0, 100), new Uint8Array()]) {
      await writeFile(path, spoil);
      expect((await load()).notes).toEqual([`${path} was damaged or another version, and was fetched again`]);
      expect(stateDict(model)).toEqual(trained);
    }
    await rm(`${path}.sha256`);
    expect((await load()).notes).toHaveLength(1);
    expect((await load()).notes).toEqual([]);
  });

  it('cut off at 60 % leaves nothing that is used, and is gone on with', async () => {
    answer = (_, response) => {
      response.writeHead(200, { 'content-length': good.length });
      response.write(good.subarray(0, Math.floor(good.length * 0.6)), () => setTimeout(() => response.destroy(), 50));
    };
    const error = await failure(load());
    expect(error.code).toBe('ERR_WEIGHTS_DOWNLOAD');
    expect(await filesIn('cache')).toEqual(['net.safetensors.part']);
    answer = serve(good);
    requests = [];
    await load();
    expect(requests[0]!.headers.range).toBe(`bytes=${Math.floor(good.length * 0.6)}-`);
    expect(stateDict(model)).toEqual(trained);
    expect(await filesIn('cache')).toEqual(['net.safetensors', 'net.safetensors.sha256']);
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['a web page', Buffer.from('<!DOCTYPE html><title>Sign in</title>'), /this is a web page/],
    ['a pickle', Buffer.from([0x80, 2, 1, 1, 1, 1, 1, 1, 1, 1]), /this is a pickle, which is never unpickled here/],
    ['half a file', Buffer.alloc(40), /header length must be at least 2 bytes, got 0/],
  ])('that serves %s is refused, and nothing of it used', async (_, content, says) => {
    answer = serve(content);
    const error = await failure(load());
    expect(error).toMatchObject({ code: 'ERR_WEIGHTS_DOWNLOAD', message: expect.stringMatching(says) });
    expect(await filesIn('cache')).toEqual(['net.safetensors.part']);
  });

  it('whose content has another checksum than the one given is refused', async () => {
    const error = await failure(load({ sha256: 'ab'.repeat(32) }));
    expect(error.message).toContain(`SHA-256 must be ${'ab'.repeat(32)}`);
    expect((await load({ sha256: sha256(good).toUpperCase() })).loaded).toHaveLength(4);
    expect(await failure(load({ sha256: 'ab' }))).toMatchObject({ code: 'ERR_WEIGHTS_SOURCE', message: expect.stringContaining('sha256 must be 64 hexadecimal digits') });
  });

  it('that cannot be reached is an error that names it and the way out', async () => {
    server.close();
    server.closeAllConnections();
    const error = await failure(load());
    expect(error.code).toBe('ERR_WEIGHTS_DOWNLOAD');
    expect(error.message).toMatch(/ECONNREFUSED/);
    expect(error.message).toContain(`Without a network: fetch ${origin}/nets/net.safetensors elsewhere, and give net.safetensors as a file`);
  });

  it('that stalls meets the time limit', async () => {
    answer = (_, response) => void response.writeHead(200, { 'content-length': good.length }).write(good.subarray(0, 40));
    expect((await failure(load({ stallTimeoutMs: 150 }))).message).toContain('time limit: no data for 150 ms');
  });

  it('goes to a temporary folder when the cache cannot be written, and says so', async () => {
    await writeFile(join(folder, 'cache'), 'a file');
    const report = await load();
    expect(report.notes).toEqual([expect.stringMatching(/^downloads cannot be kept in .*cache \(.*\), using .*convkit-weights$/)]);
    expect(report.path.startsWith(join(folder, 'tmp', 'convkit-weights'))).toBe(true);
    expect((await load()).path).toBe(report.path);
    expect(requests).toHaveLength(1);
  });

  it('ends with the reason given when it is aborted', async () => {
    const controller = new AbortController();
    answer = () => controller.abort(new Error('enough'));
    expect((await failure(load({ signal: controller.signal }))).message).toBe('enough');
  });
});

describe('a hub id', () => {
  const hub = (options: Partial<LoadPretrainedOptions> = {}) => load({ from: 'org/net.v1', hubUrl: origin, ...options });

  it('is looked up by the hub\'s client, downloaded with its checksum, and kept', async () => {
    const report = await hub();
    expect(stateDict(model)).toEqual(trained);
    expect(requests.map(({ url, headers }) => [url, headers.range])).toEqual([['/org/net.v1/resolve/main/model.safetensors', 'bytes=0-0'], ['/org/net.v1/resolve/main/model.safetensors', undefined]]);
    expect(relative(join(folder, 'cache'), report.path)).toMatch(/^hub\/org\/net\.v1\/main\/[0-9a-f]{12}\/model\.safetensors$/);
    await hub();
    expect(requests).toHaveLength(2);
  });

  it('takes a revision, a file and a token', async () => {
    vi.stubEnv('HF_TOKEN', 'hf_fromtheenvironment');
    await hub({ from: 'hf:org/net.v1', revision: 'refs/pr/1', file: 'b.safetensors' });
    expect(requests[1]!.url).toBe('/org/net.v1/resolve/refs%2Fpr%2F1/b.safetensors');
    expect(requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer hf_fromtheenvironment', 'Bearer hf_fromtheenvironment']);
  });

  it('whose content is not what the hub announced is refused', async () => {
    const other = good.map((byte, i) => (i === good.length - 1 ? byte ^ 1 : byte));
    answer = serve(other);
    expect((await failure(hub())).message).toContain(`SHA-256 must be ${sha256(good)}`);
  });

  it.each([
    [404, { 'x-error-code': 'EntryNotFound' }, 'ERR_WEIGHTS_SOURCE', 'org/net.v1 has no file "model.safetensors" at main'],
    [401, {}, 'ERR_WEIGHTS_DOWNLOAD', 'could not be looked up'],
    [500, {}, 'ERR_WEIGHTS_DOWNLOAD', 'could not be looked up'],
  ])('answered with %i is an error', async (status, headers, code, says) => {
    answer = (_, response) => void response.writeHead(status, headers).end();
    expect(await failure(hub())).toMatchObject({ code, message: expect.stringContaining(says) });
  });

  it('without a network names the address', async () => {
    server.close();
    server.closeAllConnections();
    const error = await failure(hub());
    expect(error.code).toBe('ERR_WEIGHTS_DOWNLOAD');
    expect(error.message).toContain(`${origin}/org/net.v1/resolve/main/model.safetensors could not be looked up: fetch failed`);
    expect(error.message).toContain('Without a network: fetch');
  });
});
