import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { DataError, readIdx, type DataErrorCode, type ReadIdxOptions } from './index.js';

/** IDX bytes by hand: magic, dimensions, payload. */
function idx(code: number, dims: number[], payload: number[]): Uint8Array {
  const dimBytes = dims.flatMap((d) => [(d >>> 24) & 255, (d >>> 16) & 255, (d >>> 8) & 255, d & 255]);
  return Uint8Array.from([0, 0, code, dims.length, ...dimBytes, ...payload]);
}
const images = idx(0x08, [2, 2, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255]);

async function refusal(bytes: Uint8Array, code: DataErrorCode, options: ReadIdxOptions = {}): Promise<DataError> {
  const error = await readIdx(bytes, { file: 'x.gz', ...options }).then(() => undefined, (e: unknown) => e);
  expect(error).toBeInstanceOf(DataError);
  expect((error as DataError).code).toBe(code);
  expect((error as DataError).file).toBe('x.gz');
  return error as DataError;
}

describe('readIdx reads', () => {
  test('uint8 in three dimensions, plain', async () => {
    const array = await readIdx(images);
    expect(array).toMatchObject({ type: 'uint8', dims: [2, 2, 3] });
    expect([...array.data]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255]);
  });

  test('gzip by content, whatever the name (D6)', async () => {
    const array = await readIdx(gzipSync(images), { file: 'train-images-idx3-ubyte' });
    expect(array.dims).toEqual([2, 2, 3]);
    expect([...array.data].at(-1)).toBe(255);
  });

  test.each([
    ['int8', 0x09, [0xff, 0x7f], [-1, 127]],
    ['int16', 0x0b, [0xff, 0xfe, 0x01, 0x00], [-2, 256]],
    ['int32', 0x0c, [0xff, 0xff, 0xff, 0xff, 0, 1, 0, 0], [-1, 65536]],
    ['float32', 0x0d, [0x3f, 0x80, 0, 0, 0xc0, 0x20, 0, 0], [1, -2.5]],
    ['float64', 0x0e, [0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0xc0, 0x04, 0, 0, 0, 0, 0, 0], [1, -2.5]],
  ] as const)('%s big-endian', async (type, code, payload, values) => {
    const array = await readIdx(idx(code, [2], [...payload]));
    expect(array.type).toBe(type);
    expect([...array.data]).toEqual(values);
  });

  test('an array of no values', async () => {
    expect((await readIdx(idx(8, [0, 28, 28], []))).data.length).toBe(0);
  });

  test('a view into a larger buffer', async () => {
    const buffer = new Uint8Array(images.length + 7);
    buffer.set(images, 5);
    expect((await readIdx(buffer.subarray(5, 5 + images.length))).dims).toEqual([2, 2, 3]);
  });
});

describe('readIdx refuses', () => {
  test.each([[0, 4], [3, 4], [4, 16], [15, 16]])('a header cut after %i bytes, naming the %i it needs (D1)', async (length, needed) => {
    for (const bytes of [images.subarray(0, length), gzipSync(images.subarray(0, length))]) {
      expect((await refusal(bytes, 'ERR_DATA_SIZE')).message).toBe(`x.gz: an IDX header needs ${needed} bytes, found ${length} (at byte ${length})`);
    }
  });

  test('data one byte short or long, plain and packed (D2)', async () => {
    const long = Uint8Array.from([...images, 0]);
    const short = images.subarray(0, 27);
    expect((await refusal(short, 'ERR_DATA_SIZE')).message).toContain('announces 28 bytes (16 of header, 2 x 2 x 3 values of uint8), found 27');
    expect((await refusal(long, 'ERR_DATA_SIZE')).message).toContain('found 29');
    expect((await refusal(gzipSync(short), 'ERR_DATA_SIZE')).message).toContain('announces 28 bytes, found 27');
    expect((await refusal(gzipSync(long), 'ERR_DATA_SIZE')).message).toContain('announces 28 bytes, found 29');
  });

  test('dimensions of 2^32-1 at once and without allocating (D3)', async () => {
    for (const rank of [1, 3, 8]) {
      const bytes = idx(8, Array(rank).fill(2 ** 32 - 1), [1]);
      for (const form of [bytes, gzipSync(bytes)]) {
        const before = process.memoryUsage().arrayBuffers;
        const times: number[] = [];
        let error: DataError | undefined;
        // The shortest of three: other processes may hold the machine for longer than the limit.
        for (let attempt = 0; attempt < 3; attempt++) {
          const start = performance.now();
          error = await refusal(form, 'ERR_DATA_LIMIT');
          times.push(performance.now() - start);
        }
        expect(Math.min(...times)).toBeLessThan(50);
        expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20);
        expect(error?.message).toContain('4294967295');
      }
    }
  });

  test('an announcement that the gzip bytes cannot hold, below the limit (D3)', async () => {
    const error = await refusal(gzipSync(idx(8, [2 ** 30], [])), 'ERR_DATA_LIMIT');
    expect(error.message).toMatch(/announces 1073741832 bytes, more than \d+ gzip bytes can hold/);
  });

  test('more than maxBytes', async () => {
    expect((await refusal(images, 'ERR_DATA_LIMIT', { maxBytes: 27 })).message).toContain('28 bytes; the limit is 27');
  });

  test('labels where images are wanted, with both magics in hexadecimal (D4)', async () => {
    const error = await refusal(idx(8, [3], [1, 2, 3]), 'ERR_DATA_FORMAT', { type: 'uint8', rank: 3 });
    expect(error.message).toContain('magic must be 0x00000803, got 0x00000801: this file holds uint8 in 1 dimension, as label files do');
    expect(error.offset).toBe(0);
  });

  test.each([
    ['a little-endian magic', Uint8Array.from([3, 8, 0, 0, 1, 0, 0, 0]), '0x03080000: this is a little-endian header'],
    ['a float type', idx(0x0d, [1, 1, 1], [0, 0, 0, 0]), '0x00000d03: this file holds float32'],
    ['an unknown type code', idx(0x0a, [1, 1, 1], [0]), '0x00000a03: unknown type code 0x0a'],
    ['0 dimensions', Uint8Array.from([0, 0, 8, 0]), '0x00000800: 0 dimensions'],
    ['255 dimensions', Uint8Array.from([0, 0, 8, 255]), '0x000008ff: 255 dimensions'],
    ['a web page', new TextEncoder().encode('<!DOCTYPE html><html>404'), 'this is a web page'],
    ['a zip archive', new TextEncoder().encode('PK\x03\x04 and more'), 'this is a zip archive'],
    ['a Git LFS pointer', new TextEncoder().encode('version https://git-lfs.github.com/spec/v1'), 'Git LFS pointer'],
    ['gzip in gzip', gzipSync(images), 'gzip data inside gzip data'],
    ['text', new TextEncoder().encode('hello'), 'neither IDX nor gzip'],
  ])('%s (D4, D5)', async (_, bytes, text) => {
    const packed = await refusal(gzipSync(bytes), 'ERR_DATA_FORMAT', { type: 'uint8', rank: 3 });
    expect(packed.message).toContain(text);
    if (bytes[0] !== 0x1f) expect((await refusal(bytes, 'ERR_DATA_FORMAT', { type: 'uint8', rank: 3 })).message).toContain(text);
  });

  test('gzip cut at any byte (D5)', async () => {
    const packed = gzipSync(images);
    for (let length = 2; length < packed.length; length++) await refusal(packed.subarray(0, length), 'ERR_DATA_GZIP');
    expect((await refusal(packed.subarray(0, 20), 'ERR_DATA_GZIP')).message).toContain('truncated');
  });

  test('gzip with a bad CRC, a bad length, trailing bytes, trailing zeros, a second member (D5)', async () => {
    const packed = gzipSync(images);
    const flipped = (at: number) => packed.map((byte, i) => (i === packed.length + at ? byte ^ 1 : byte));
    expect((await refusal(flipped(-8), 'ERR_DATA_GZIP')).message).toContain('CRC-32');
    expect((await refusal(flipped(-1), 'ERR_DATA_GZIP')).message).toContain('length');
    expect((await refusal(Uint8Array.from([...packed, 1, 2, 3, 4, 5]), 'ERR_DATA_GZIP')).message).toContain('trailing');
    expect((await refusal(Uint8Array.from([...packed, 0, 0, 0, 0, 0]), 'ERR_DATA_GZIP')).message).toContain('trailing');
    await refusal(Uint8Array.from([...packed, ...packed]), 'ERR_DATA_SIZE');
  });

  test('64 MiB behind a 24-byte header with bounded memory (D5)', async () => {
    const bomb = gzipSync(Buffer.concat([idx(8, [2, 2, 2], [0, 0, 0, 0, 0, 0, 0, 0]), Buffer.alloc(64 * 2 ** 20)]));
    const before = process.memoryUsage().arrayBuffers;
    const error = await refusal(bomb, 'ERR_DATA_SIZE');
    expect(error.message).toMatch(/announces 24 bytes but the gzip stream goes on after \d{5,6}; stopped unpacking/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 2 ** 20);
  });

  test('impossible options, naming the nearest', async () => {
    await expect(readIdx(images, { rnak: 3 } as never)).rejects.toMatchObject({ code: 'ERR_OPTION', message: expect.stringContaining('did you mean rank?') });
    await expect(readIdx(images, { rank: 0 })).rejects.toThrow('rank must be an integer from 1 to 8, got 0 (number)');
    await expect(readIdx(images, { type: 'uint7' as never })).rejects.toThrow('type must be one of uint8');
    await expect(readIdx('text' as never)).rejects.toThrow('bytes must be a Uint8Array, got "text" (string)');
    await expect(readIdx(images, null as never)).rejects.toMatchObject({ code: 'ERR_OPTION' });
  });
});

test('600 mutations of plain and packed files give a value or a typed error', async () => {
  let state = 1;
  const random = (n: number) => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) % n;
  const words = [[0, 0, 0, 0], [0, 0, 0, 1], [0x7f, 255, 255, 255], [255, 255, 255, 255]];
  let [values, errors] = [0, 0];
  for (let n = 0; n < 600; n++) {
    let bytes = [...(n % 2 ? gzipSync(images) : images)];
    const at = random(bytes.length);
    switch (random(5)) {
      case 0: bytes[at] = bytes[at]! ^ (1 << random(8)); break;
      case 1: bytes = bytes.slice(0, at); break;
      case 2: bytes.splice(at, 0, random(256)); break;
      case 3: bytes.splice(at, 4, ...words[random(4)]!); break;
      default: bytes.splice(at, 2, bytes[at + 1] ?? 0, bytes[at]!);
    }
    await readIdx(Uint8Array.from(bytes)).then(
      (array) => { values++; expect(array.data.length).toBe(array.dims.reduce((a, b) => a * b, 1)); },
      (error: unknown) => { errors++; expect(error, `mutation ${n}`).toBeInstanceOf(DataError); },
    );
  }
  expect(values + errors).toBe(600);
  expect(values).toBeGreaterThan(0);
});
