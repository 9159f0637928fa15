import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DataError, FASHION_MNIST, type IdxDatasetSpec, type IdxPart } from './index.js';
import { assembleIdxDataset } from './fashion-mnist.js';
import { loadIdxDataset, type IdxPlaces } from './idx-files.js';
import type { DownloadProgress } from './node.js';

const bytes = (dims: number[], value: (i: number) => number) => {
  const header = [0, 0, 8, dims.length, ...dims.flatMap((d) => [0, 0, d >> 8, d & 255])];
  return Uint8Array.from([...header, ...Array.from({ length: dims.reduce((a, b) => a * b) }, (_, i) => value(i) & 255)]);
};
/** A stand-in of 40 + 20 incompressible images of 8 x 8, so that every download takes several pieces. */
const content: Record<IdxPart, Uint8Array> = {
  trainImages: bytes([40, 8, 8], (i) => Math.imul(i + 1, 2654435761) >>> 13),
  trainLabels: bytes([40], (i) => i % 10),
  testImages: bytes([20, 8, 8], (i) => Math.imul(i + 7, 2654435761) >>> 11),
  testLabels: bytes([20], (i) => 9 - (i % 10)),
};
const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

let folder: string;
let server: Server;
let spec: IdxDatasetSpec;
let places: IdxPlaces;
let requests: IncomingMessage[];
/** How the server answers; each test sets its own. */
let answer: (name: string, request: IncomingMessage, response: ServerResponse) => void;
const packed = (name: string) => gzipSync(content[spec.files.find((file) => `${file.name}.gz` === name)!.part]);
const sendAll = (name: string, _: IncomingMessage, response: ServerResponse) => void response.end(packed(name));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'convkit-data-test-'));
  requests = [];
  answer = sendAll;
  server = createServer((request, response) => {
    requests.push(request);
    answer(request.url!.slice(1), request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const files = FASHION_MNIST.files.map((file) => ({ ...file, bytes: content[file.part].length, sha256: sha256(content[file.part]) }));
  spec = { ...FASHION_MNIST, name: 'little', files, mirrors: [`http://127.0.0.1:${(server.address() as AddressInfo).port}/`] };
  places = { cacheDirectory: join(folder, 'cache'), systemDirectories: [join(folder, 'system')], download: true, stallTimeoutMs: 2000, timeoutMs: 10_000 };
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

async function store(where: string, files: Partial<Record<IdxPart, Uint8Array>> = content, gzip = true) {
  await mkdir(join(folder, where), { recursive: true });
  for (const { part, name } of spec.files) {
    const data = files[part];
    if (data) await writeFile(join(folder, where, gzip ? `${name}.gz` : name), gzip ? gzipSync(data) : data);
  }
  return join(folder, where);
}
const failure = async (promise: Promise<unknown>): Promise<DataError> => {
  const error = await promise.then(() => undefined, (e: unknown) => e);
  expect(error).toBeInstanceOf(DataError);
  return error as DataError;
};
const cached = () => join(places.cacheDirectory, 'little');

describe('places', () => {
  test('are used in order: the named folder, the cache, the system', async () => {
    const system = await store('system');
    expect((await loadIdxDataset(spec, places)).source).toBe(system);
    const cache = await store('cache/little');
    expect((await loadIdxDataset(spec, places)).source).toBe(cache);
    const directory = await store('mine/little', content, false);
    const loaded = await loadIdxDataset(spec, { ...places, directory: join(folder, 'mine') });
    expect(directory).toContain(loaded.source);
    expect(loaded).toMatchObject({ name: 'little', imageShape: [8, 8, 1], train: { size: 40 }, test: { size: 20 } });
    expect(loaded.note).toBeUndefined();
    expect(Buffer.from(loaded.train.images)).toEqual(Buffer.from(content.trainImages.subarray(16)));
    expect(requests).toEqual([]);
  });

  test('identify the content, not its packing', async () => {
    await store('system');
    const one = await loadIdxDataset(spec, places);
    const listing = spec.files.map((file) => `${file.sha256}  ${file.name}\n`).join('');
    expect(one.sha256).toBe(sha256(Buffer.from(listing)));
    expect((await loadIdxDataset(spec, { ...places, directory: await store('plain', content, false) })).sha256).toBe(one.sha256);
  });

  test('a named folder without the files is passed over, one with wrong files is not (D17)', async () => {
    await store('system');
    const directory = await store('mine', { trainImages: content.trainImages });
    expect((await loadIdxDataset(spec, { ...places, directory })).source).toBe(join(folder, 'system'));
    await store('mine', { ...content, testLabels: content.testLabels.map((byte, i) => (i > 20 ? 1 : byte)) });
    const error = await failure(loadIdxDataset(spec, { ...places, directory }));
    expect(error).toMatchObject({ code: 'ERR_DATA_CHECKSUM', file: directory });
    expect(error.message).toContain('the other files are right, so this one is damaged or of another set (t10k-labels-idx1-ubyte)');
  });

  test('a named folder of unknown content is used with a warning (D17)', async () => {
    const directory = await store('mine', Object.fromEntries(Object.entries(content).map(([part, data]) => [part, data.with(data.length - 1, data.at(-1)! ^ 1)])));
    const loaded = await loadIdxDataset(spec, { ...places, directory });
    expect(loaded.name).toBe('little (unverified)');
    expect(loaded.note).toContain('none of the files');
  });

  test('the files of the set it is mixed up with are refused by name, even in a named folder (D17)', async () => {
    const digits = Object.fromEntries(Object.entries(content).map(([part, data]) => [part, data.with(data.length - 1, 0)])) as typeof content;
    spec = { ...spec, lookalike: { name: 'digits', sha256: [sha256(digits.testLabels)] } };
    const error = await failure(loadIdxDataset(spec, { ...places, directory: await store('mine', digits) }));
    expect(error.message).toContain('content is not that of little');
    expect(error.message).toContain('this is the file of digits');
  });

  test('a damaged cache is cleared, said, and fetched again', async () => {
    await store('cache/little');
    const path = join(cached(), 'train-images-idx3-ubyte.gz');
    await writeFile(path, (await readFile(path)).subarray(0, 500));
    const loaded = await loadIdxDataset(spec, places);
    expect(loaded.note).toContain('was damaged and cleared: train-images-idx3-ubyte: gzip stream is truncated');
    expect(requests.map((r) => r.url)).toEqual(['/train-images-idx3-ubyte.gz']);
    expect((await loadIdxDataset(spec, places)).note).toBeUndefined();
  });

  test('nowhere: every place and the reason', async () => {
    const error = await failure(loadIdxDataset(spec, { ...places, download: false }));
    expect(error.code).toBe('ERR_DATA_NOT_FOUND');
    expect(error.message).toContain(`${join(folder, 'system')} has none of the files`);
    expect(error.message).toContain('downloading is switched off');
  });
});

describe('assembling refuses', () => {
  const assemble = (files: Partial<Record<IdxPart, Uint8Array>>) => failure(assembleIdxDataset(spec, { ...content, ...files }, { unknown: 'warn' }));
  test('counts that differ (D7), labels outside the classes (D8), files swapped (D4)', async () => {
    const repin = (part: IdxPart, data: Uint8Array): IdxDatasetSpec => ({ ...spec, files: spec.files.map((file) => (file.part === part ? { ...file, sha256: sha256(data) } : file)) });
    const fewer = bytes([39], () => 0);
    expect((await failure(assembleIdxDataset(repin('trainLabels', fewer), { ...content, trainLabels: fewer }))).message).toBe('train-labels-idx1-ubyte: 39 labels do not go with 40 images of train-images-idx3-ubyte');
    const high = bytes([20], (i) => (i === 13 ? 10 : 0));
    expect((await failure(assembleIdxDataset(repin('testLabels', high), { ...content, testLabels: high }))).message).toBe('t10k-labels-idx1-ubyte: label must be an integer from 0 to 9, got 10 in record 13');
    expect(await assemble({ trainImages: content.trainLabels })).toMatchObject({ code: 'ERR_DATA_FORMAT', file: 'train-images-idx3-ubyte' });
  });
});

describe('downloading', () => {
  test('fetches, checks, keeps, and reports progress', async () => {
    const seen: DownloadProgress[] = [];
    const loaded = await loadIdxDataset(spec, { ...places, onProgress: (progress) => seen.push(progress) });
    expect(loaded.source).toBe(cached());
    expect((await readdir(cached())).sort()).toEqual(spec.files.map((file) => `${file.name}.gz`).sort());
    const size = packed('train-images-idx3-ubyte.gz').length;
    expect(seen.filter((p) => p.url.endsWith('train-images-idx3-ubyte.gz')).at(-1)).toMatchObject({ received: size, total: size });
    await loadIdxDataset(spec, places);
    expect(requests.length).toBe(4);
  });

  test('cut at 60 %: the piece is kept as .part, not used, and gone on with (D16)', async () => {
    answer = (name, _, response) => {
      const data = packed(name);
      response.writeHead(200, { 'content-length': data.length });
      response.write(data.subarray(0, Math.floor(data.length * 0.6)), () => setTimeout(() => response.destroy(), 50));
    };
    const error = await failure(loadIdxDataset(spec, places));
    expect(error.code).toBe('ERR_DATA_NOT_FOUND');
    const size = packed('train-images-idx3-ubyte.gz').length;
    expect(error.message).toContain(`(${Math.floor(size * 0.6)} bytes kept in ${join(cached(), 'train-images-idx3-ubyte.gz')}.part)`);
    expect(await readdir(cached())).toEqual(['train-images-idx3-ubyte.gz.part']);
    answer = (name, request, response) => {
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const data = packed(name);
      response.writeHead(from ? 206 : 200, { ...(from && { 'content-range': `bytes ${from}-${data.length - 1}/${data.length}` }) }).end(data.subarray(from));
    };
    requests = [];
    expect((await loadIdxDataset(spec, places)).train.size).toBe(40);
    expect(requests[0]!.headers.range).toBe(`bytes=${Math.floor(size * 0.6)}-`);
  });

  test('a piece of something else is noticed and everything fetched anew', async () => {
    await mkdir(cached(), { recursive: true });
    await writeFile(join(cached(), 'train-images-idx3-ubyte.gz.part'), gzipSync(content.testImages).subarray(0, 300));
    answer = (name, request, response) => {
      const data = packed(name);
      if (request.headers.range) response.writeHead(206, { 'content-range': `bytes 300-${data.length - 1}/${data.length}` }).end(data.subarray(300));
      else response.end(data);
    };
    expect((await loadIdxDataset(spec, places)).train.size).toBe(40);
  });

  test('416 for a piece that is too long starts anew', async () => {
    await mkdir(cached(), { recursive: true });
    await writeFile(join(cached(), 'train-images-idx3-ubyte.gz.part'), Buffer.concat([packed('train-images-idx3-ubyte.gz'), Buffer.alloc(99)]));
    answer = (name, request, response) => (request.headers.range ? void response.writeHead(416).end() : sendAll(name, request, response));
    expect((await loadIdxDataset(spec, places)).train.size).toBe(40);
  });

  test.each([
    ['a web page', Buffer.from('<!DOCTYPE html><title>Sign in</title>'), 'this is a web page'],
    ['right gzip of wrong content', gzipSync(bytes([40, 8, 8], () => 3)), 'unpacked SHA-256 must be'],
    ['an empty body', Buffer.alloc(0), 'wrong content, 0 bytes'],
  ])('%s: size and checksum stated, kept as .part, never used (D16)', async (_, body, text) => {
    answer = (_name, _request, response) => void response.end(body);
    const error = await failure(loadIdxDataset(spec, places));
    expect(error.message).toContain(text);
    expect(error.message).toContain(`${body.length} bytes with SHA-256 ${sha256(body)}`);
    expect(await readdir(cached())).toEqual(['train-images-idx3-ubyte.gz.part']);
    answer = sendAll;
    expect((await loadIdxDataset(spec, places)).train.size).toBe(40);
  });

  test.each([
    ['stops sending', { stallTimeoutMs: 150 }, 'time limit: no data for 150 ms'],
    ['is too slow', { timeoutMs: 200 }, 'time limit: not complete after 200 ms'],
  ])('a server that %s meets the time limit, which is named (D16)', async (_, limits, text) => {
    answer = (name, _request, response) => {
      const data = packed(name);
      response.writeHead(200, { 'content-length': data.length }).write(data.subarray(0, 40));
    };
    const error = await failure(loadIdxDataset(spec, { ...places, ...limits }));
    expect(error.message).toContain(`${text} (40 bytes kept in`);
  });

  test('a server that never ends is cut off', async () => {
    answer = (_name, _request, response) => {
      const more = (): void => void (response.destroyed || response.write(Buffer.alloc(65_536, 0x1f), () => setImmediate(more)));
      more();
    };
    expect((await failure(loadIdxDataset(spec, places))).message).toContain('the server sends more than the');
  });

  test('404 on the first address: the second one serves', async () => {
    const good = spec.mirrors[0]!;
    answer = (name, request, response) => (name.startsWith('gone') ? void response.writeHead(404).end() : sendAll(name, request, response));
    expect((await loadIdxDataset({ ...spec, mirrors: [`${good}gone/`, good] }, places)).train.size).toBe(40);
    expect((await failure(loadIdxDataset({ ...spec, mirrors: [`${good}gone/`] }, { ...places, cacheDirectory: join(folder, 'other') }))).message).toContain('the server answered 404');
  });

  test('the piece of a process that was killed is gone on with, that of a running one is left alone', async () => {
    await mkdir(cached(), { recursive: true });
    const killed = await new Promise<number>((resolve) => {
      const child = spawn(process.execPath, ['-e', '']);
      child.on('exit', () => resolve(child.pid!));
    });
    const piece = packed('train-images-idx3-ubyte.gz').subarray(0, 300);
    const name = (pid: number) => `train-images-idx3-ubyte.gz.${pid}-0123abcd.part`;
    for (const pid of [killed, process.pid]) await writeFile(join(cached(), name(pid)), piece);
    await loadIdxDataset(spec, places);
    expect(requests[0]!.headers.range).toBe('bytes=300-');
    expect((await readdir(cached())).filter((file) => file.endsWith('.part'))).toEqual([name(process.pid)]);
  });

  test('two loads at once both end with the data', async () => {
    const all = await Promise.all(Array.from({ length: 4 }, () => loadIdxDataset(spec, places)));
    expect(all.map((loaded) => loaded.train.size)).toEqual([40, 40, 40, 40]);
    expect((await readdir(cached())).length).toBe(4);
  });

  test('an abort ends it with the reason given', async () => {
    const controller = new AbortController();
    answer = () => controller.abort(new Error('enough'));
    await expect(loadIdxDataset(spec, { ...places, signal: controller.signal })).rejects.toThrow('enough');
  });
});
