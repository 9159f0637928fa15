import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readSafetensors, SafetensorsError, writeSafetensors, type SafetensorsErrorCode, type SafetensorsFile } from './index.js';

const text = (value: string) => new TextEncoder().encode(value);
const joined = (...parts: readonly Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));
function lengthOf(length: bigint | number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  return bytes;
}
/** A file of this header, as text or as a value, and so many bytes of numbers. */
function fileOf(header: unknown, dataBytes = 0): Uint8Array {
  const head = text(typeof header === 'string' ? header : JSON.stringify(header));
  return joined(lengthOf(head.length), head, new Uint8Array(dataBytes));
}
/** A file of one tensor `t`, F32, shape [2], with some fields replaced. */
const oneTensor = (fields: object, dataBytes = 8) => fileOf({ t: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...fields } }, dataBytes);
/** A file of F32 vectors at these places. */
const places = (list: Record<string, [number, number]>, dataBytes: number) =>
  fileOf(Object.fromEntries(Object.entries(list).map(([name, [begin, end]]) => [name, { dtype: 'F32', shape: [(end - begin) / 4], data_offsets: [begin, end] }])), dataBytes);
const bytesOf = (...values: number[]) => joined(Uint8Array.from(values), new Uint8Array(80));

type Row = [what: string, make: () => Uint8Array, code: SafetensorsErrorCode, says: RegExp];

const MALFORMED: Row[] = [
  // W1: the header's length
  ['an empty file', () => new Uint8Array(), 'ERR_WEIGHTS_HEADER', /starts with the 8 bytes of its header's length, got 0 bytes in all/],
  ['three bytes', () => new Uint8Array(3), 'ERR_WEIGHTS_HEADER', /got 3 bytes in all/],
  ['a length alone', () => lengthOf(20), 'ERR_WEIGHTS_HEADER', /header length must be at most the 0 bytes that follow it, got 20/],
  ['a length of 0', () => joined(lengthOf(0), text('{}')), 'ERR_WEIGHTS_HEADER', /at least 2 bytes, got 0/],
  ['a length of 1', () => joined(lengthOf(1), text('{}')), 'ERR_WEIGHTS_HEADER', /at least 2 bytes, got 1/],
  ['a length beyond the file', () => joined(lengthOf(100), text('{}')), 'ERR_WEIGHTS_HEADER', /at most the 2 bytes that follow it, got 100/],
  ['a length of 100 000 001', () => joined(lengthOf(100_000_001), text('{}')), 'ERR_WEIGHTS_HEADER', /at most 100000000 bytes, got 100000001/],
  ['a length of 2^31 - 1', () => joined(lengthOf(2 ** 31 - 1), text('{}')), 'ERR_WEIGHTS_HEADER', /at most 100000000 bytes, got 2147483647/],
  ['a length of 2^53', () => joined(lengthOf(2n ** 53n), text('{}')), 'ERR_WEIGHTS_HEADER', /got 9007199254740992/],
  ['a length of 2^63', () => joined(lengthOf(2n ** 63n), text('{}')), 'ERR_WEIGHTS_HEADER', /got 9223372036854775808/],
  ['a length of 2^64 - 1', () => joined(lengthOf(2n ** 64n - 1n), text('{}')), 'ERR_WEIGHTS_HEADER', /got 18446744073709551615/],
  ['a length in big-endian', () => joined(lengthOf(2).reverse(), text('{}')), 'ERR_WEIGHTS_HEADER', /got 144115188075855872/],
  // W2: the header's text
  ['a header that starts with a space', () => fileOf(' {}'), 'ERR_WEIGHTS_HEADER', /must start with \{, got the byte 0x20/],
  ['a header with a byte order mark', () => fileOf('\uFEFF{}'), 'ERR_WEIGHTS_HEADER', /got the byte 0xef/],
  ['a header that is a list', () => fileOf([1, 2]), 'ERR_WEIGHTS_HEADER', /must start with \{, got the byte 0x5b/],
  ['a header that is null', () => fileOf('null'), 'ERR_WEIGHTS_HEADER', /got the byte 0x6e/],
  ['a header that is not UTF-8', () => joined(lengthOf(9), text('{"a": '), Uint8Array.of(0xff, 0xfe), text('}')), 'ERR_WEIGHTS_HEADER', /must be UTF-8 \(at byte 14\)/],
  ['a header that ends inside a character', () => joined(lengthOf(4), text('{"'), Uint8Array.of(0xe2, 0x82)), 'ERR_WEIGHTS_HEADER', /must be UTF-8/],
  ['a header that is not JSON', () => fileOf('{a: 1}'), 'ERR_WEIGHTS_HEADER', /must be JSON: .*position 1/],
  ['a header that is cut off', () => fileOf('{"t": {"dtype": "F32"'), 'ERR_WEIGHTS_HEADER', /must be JSON/],
  ['a header with something behind it', () => fileOf('{} x'), 'ERR_WEIGHTS_HEADER', /must be JSON/],
  ['a header with a NUL behind it', () => fileOf('{}\0\0'), 'ERR_WEIGHTS_HEADER', /must be JSON/],
  ['a header with NaN', () => fileOf('{"t": {"dtype": "F32", "shape": [2], "data_offsets": [0, NaN]}}', 8), 'ERR_WEIGHTS_HEADER', /must be JSON/],
  ['a header of ten thousand open brackets', () => fileOf(`{"t":${'['.repeat(10_000)}`), 'ERR_WEIGHTS_HEADER', /must be JSON/],
  // metadata
  ['metadata that is a list', () => fileOf({ __metadata__: [] }), 'ERR_WEIGHTS_HEADER', /__metadata__ must be an object of strings, got a list/],
  ['metadata that is null', () => fileOf({ __metadata__: null }), 'ERR_WEIGHTS_HEADER', /got null/],
  ['metadata with a number', () => fileOf({ __metadata__: { 'a\nb': 1 } }), 'ERR_WEIGHTS_HEADER', /must hold strings, got a value of type number for "a\\u000ab"/],
  // fields of a tensor
  ['a tensor that is null', () => fileOf({ t: null }), 'ERR_WEIGHTS_HEADER', /tensor "t": must be an object with dtype, shape and data_offsets, got null/],
  ['a tensor that is a string', () => fileOf({ t: 'F32' }), 'ERR_WEIGHTS_HEADER', /got a value of type string/],
  ['a tensor without dtype', () => oneTensor({ dtype: undefined }), 'ERR_WEIGHTS_HEADER', /dtype must be a string, got nothing/],
  ['a dtype that is a number', () => oneTensor({ dtype: 32 }), 'ERR_WEIGHTS_HEADER', /dtype must be a string, got a value of type number/],
  ['an unknown dtype', () => oneTensor({ dtype: 'F128' }), 'ERR_WEIGHTS_DTYPE', /tensor "t": dtype must be one of F32, F16, .*, got "F128"/],
  ['a dtype of the prototype', () => oneTensor({ dtype: 'constructor' }), 'ERR_WEIGHTS_DTYPE', /got "constructor"/],
  ['a dtype in small letters', () => oneTensor({ dtype: 'f32' }), 'ERR_WEIGHTS_DTYPE', /got "f32"/],
  ['a tensor without shape', () => oneTensor({ shape: undefined }), 'ERR_WEIGHTS_HEADER', /shape must be a list, got nothing/],
  ['a shape that is a number', () => oneTensor({ shape: 2 }), 'ERR_WEIGHTS_HEADER', /shape must be a list/],
  // W5: dimensions
  ['a negative dimension', () => oneTensor({ shape: [2, -1] }), 'ERR_WEIGHTS_SHAPE', /tensor "t": dimension 1 must be an integer from 0 to 2\^53 - 1, got -1/],
  ['a fractional dimension', () => oneTensor({ shape: [1.5] }), 'ERR_WEIGHTS_SHAPE', /dimension 0 .* got 1.5/],
  ['a dimension that is a string', () => oneTensor({ shape: ['2'] }), 'ERR_WEIGHTS_SHAPE', /got "2" \(string\)/],
  ['a dimension that is null', () => oneTensor({ shape: [null] }), 'ERR_WEIGHTS_SHAPE', /got null/],
  ['a dimension beyond 2^53', () => oneTensor({ shape: [2 ** 53] }), 'ERR_WEIGHTS_SHAPE', /dimension 0 .* got 9007199254740992/],
  ['a dimension of 1e999', () => fileOf('{"t": {"dtype": "F32", "shape": [1e999], "data_offsets": [0, 8]}}', 8), 'ERR_WEIGHTS_SHAPE', /dimension 0/],
  ['a product beyond 2^53', () => oneTensor({ shape: [2 ** 30, 2 ** 30] }), 'ERR_WEIGHTS_SHAPE', /fewer than 2\^53 bits, got more with dimension 1/],
  ['a product that is 2^64, so 0 in 64 bits', () => oneTensor({ shape: [2 ** 32, 2 ** 32], data_offsets: [0, 0] }, 0), 'ERR_WEIGHTS_SHAPE', /dimension 1/],
  // W3: places
  ['a tensor without data_offsets', () => oneTensor({ data_offsets: undefined }), 'ERR_WEIGHTS_OFFSETS', /data_offsets must be a list of two integers, got nothing/],
  ['one offset', () => oneTensor({ data_offsets: [8] }), 'ERR_WEIGHTS_OFFSETS', /list of two integers, got \[8\]/],
  ['three offsets', () => oneTensor({ data_offsets: [0, 4, 8] }), 'ERR_WEIGHTS_OFFSETS', /list of two integers/],
  ['offsets that are strings', () => oneTensor({ data_offsets: ['0', '8'] }), 'ERR_WEIGHTS_OFFSETS', /got \["0" \(string\), "8" \(string\)\]/],
  ['a negative offset', () => oneTensor({ data_offsets: [-8, 0] }), 'ERR_WEIGHTS_OFFSETS', /two integers from 0/],
  ['a fractional offset', () => oneTensor({ data_offsets: [0.5, 8.5] }), 'ERR_WEIGHTS_OFFSETS', /two integers from 0/],
  ['an offset of null', () => oneTensor({ data_offsets: [0, null] }), 'ERR_WEIGHTS_OFFSETS', /got \[0 \(number\), null/],
  ['an offset beyond 2^53', () => oneTensor({ data_offsets: [2 ** 53, 2 ** 53 + 8] }), 'ERR_WEIGHTS_OFFSETS', /two integers from 0/],
  ['offsets that go backwards', () => oneTensor({ data_offsets: [8, 0] }), 'ERR_WEIGHTS_OFFSETS', /must not go backwards, got \[8, 0\]/],
  ['offsets that span too little', () => oneTensor({ data_offsets: [0, 4] }, 4), 'ERR_WEIGHTS_OFFSETS', /span the 8 bytes of 2 F32 values, got 4 bytes \[0, 4\]/],
  ['offsets that span too much', () => oneTensor({ dtype: 'F16' }), 'ERR_WEIGHTS_OFFSETS', /span the 4 bytes of 2 F16 values, got 8 bytes/],
  ['half a byte', () => oneTensor({ dtype: 'F4', shape: [3], data_offsets: [0, 2] }, 2), 'ERR_WEIGHTS_OFFSETS', /span the 1.5 bytes of 3 F4 values/],
  ['a hole in front', () => places({ t: [4, 8] }, 8), 'ERR_WEIGHTS_OFFSETS', /tensor "t": data_offsets must start at 0, got 4: 4 bytes that belong to no tensor/],
  ['a hole in between', () => places({ a: [0, 4], b: [8, 12] }, 12), 'ERR_WEIGHTS_OFFSETS', /tensor "b": data_offsets must start at 4, got 8/],
  ['an overlap', () => places({ a: [0, 8], b: [4, 12] }, 12), 'ERR_WEIGHTS_OFFSETS', /tensor "b": data_offsets must start at 8, got 4: its first 4 bytes belong to another tensor too/],
  ['ten tensors on the same bytes', () => places(Object.fromEntries(Array.from('abcdefghij', (name) => [name, [0, 8]])), 8), 'ERR_WEIGHTS_OFFSETS', /tensor "b": .* its first 8 bytes belong to another/],
  ['a tensor inside another', () => places({ a: [0, 12], b: [4, 8] }, 12), 'ERR_WEIGHTS_OFFSETS', /tensor "b": .* its first 4 bytes/],
  // W4: the end
  ['a byte missing', () => oneTensor({}, 7), 'ERR_WEIGHTS_SIZE', /must have \d+ bytes by its header, got \d+: it was cut off/],
  ['no numbers at all', () => oneTensor({}, 0), 'ERR_WEIGHTS_SIZE', /cut off/],
  ['a byte too many', () => oneTensor({}, 9), 'ERR_WEIGHTS_SIZE', /1 bytes belong to no tensor/],
  ['numbers without tensors', () => fileOf({}, 4), 'ERR_WEIGHTS_SIZE', /4 bytes belong to no tensor/],
  // W6: names that are there twice
  ['a tensor twice', () => fileOf('{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', 8), 'ERR_WEIGHTS_DUPLICATE', /the name "t" must be there once/],
  ['a tensor twice, once in other letters', () => fileOf('{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"\\u0074":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', 8), 'ERR_WEIGHTS_DUPLICATE', /the name "t"/],
  ['metadata twice', () => fileOf('{"__metadata__":{},"__metadata__":{}}'), 'ERR_WEIGHTS_DUPLICATE', /the name "__metadata__"/],
  ['a field twice', () => fileOf('{"t":{"dtype":"F64","dtype":"F32","shape":[2],"data_offsets":[0,8]}}', 8), 'ERR_WEIGHTS_DUPLICATE', /the name "dtype"/],
  // W21: newer than this
  ['a newer schema', () => fileOf({ __metadata__: { convkit_schema: '2' } }), 'ERR_WEIGHTS_SCHEMA', /saved with schema 2 .* reads up to 1: update @convkit\/weights/],
  ['a schema that is no number', () => fileOf({ __metadata__: { convkit_schema: 'one' } }), 'ERR_WEIGHTS_SCHEMA', /schema one/],
  // W18: other kinds of files
  ['a zip archive of torch.save', () => joined(text('PK\x03\x04'), new Uint8Array(80)), 'ERR_WEIGHTS_FORMAT', /zip archive, as torch.save writes, which is never unpickled here.*Convert it in Python/],
  ['a pickle of torch.save', () => bytesOf(0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc), 'ERR_WEIGHTS_FORMAT', /this is a pickle/],
  ['an HDF5 file', () => bytesOf(0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a), 'ERR_WEIGHTS_FORMAT', /HDF5 file, as Keras writes/],
  ['a web page', () => text('<!DOCTYPE html><title>Sign in</title>'), 'ERR_WEIGHTS_FORMAT', /web page, .*: the download went wrong/],
  ['a Git LFS pointer', () => text('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n'), 'ERR_WEIGHTS_FORMAT', /Git LFS pointer, .*git lfs pull/],
  ['gzip data', () => bytesOf(0x1f, 0x8b, 8, 0, 0, 0, 0, 0), 'ERR_WEIGHTS_FORMAT', /gzip data: unpack it first/],
  ['a GGUF file', () => joined(text('GGUF'), new Uint8Array(80).fill(3)), 'ERR_WEIGHTS_FORMAT', /GGUF/],
  ['an index of shards', () => text('{"metadata": {}, "weight_map": {}}'), 'ERR_WEIGHTS_FORMAT', /looks like JSON; the index of a sharded file must end in .index.json/],
];

function refusal(make: () => unknown): SafetensorsError {
  try {
    make();
  } catch (error) {
    expect(error).toBeInstanceOf(SafetensorsError);
    return error as SafetensorsError;
  }
  throw new Error('the file was taken');
}

describe('a malformed file', () => {
  it('of each kind there is at least one row, sixty in all', () => {
    expect(MALFORMED.length).toBeGreaterThanOrEqual(60);
    expect(new Set(MALFORMED.map(([what]) => what)).size).toBe(MALFORMED.length);
  });

  it.each(MALFORMED)('%s is refused, with the reason', (_, make, code, says) => {
    const error = refusal(() => readSafetensors(make(), { file: 'a\nb.safetensors' }));
    expect(error).toMatchObject({ name: 'SafetensorsError', code });
    expect(error.message).toMatch(says);
    expect(error.message).toMatch(/^a\\u000ab\.safetensors: /);
    expect(error.message).not.toMatch(/undefined|\[object|\n/);
    expect(error.message.length).toBeLessThan(700);
  });
});

const numbersOf = (file: SafetensorsFile, name: string) => [...file.tensors.get(name)!.values];

describe('a file that is right', () => {
  it('of no tensors, and with spaces behind the header', () => {
    expect(readSafetensors(fileOf('{}')).tensors.size).toBe(0);
    expect(readSafetensors(fileOf('{}      ')).tensors.size).toBe(0);
    expect(readSafetensors(fileOf({ __metadata__: { a: 'b', __proto__x: 'c' } })).metadata).toEqual(new Map([['a', 'b'], ['__proto__x', 'c']]));
  });

  it('keeps names that are only names (W7)', () => {
    const names = ['__proto__', 'constructor', '', 'toString', 'x'.repeat(10_000), 'a\nb', '1', '\u{1f642}'];
    const entries = names.map((name, i) => ({ name, shape: [1], values: Float32Array.of(i) }));
    const file = readSafetensors(writeSafetensors(entries));
    expect([...file.tensors.keys()].sort()).toEqual([...names].sort());
    names.forEach((name, i) => expect(numbersOf(file, name)).toEqual([i]));
    expect(({} as Record<string, unknown>)['dtype']).toBeUndefined();
  });

  it('reads tensors wherever they start, and lazily as views', () => {
    const odd = fileOf('{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} ', 8);
    const shifted = joined(Uint8Array.of(9, 9, 9), odd).subarray(3);
    new DataView(shifted.buffer, shifted.byteOffset + shifted.length - 4).setFloat32(0, 2.5, true);
    const file = readSafetensors(shifted);
    expect(numbersOf(file, 't')).toEqual([0, 2.5]);
    expect(file.tensors.get('t')).toMatchObject({ name: 't', dtype: 'F32', shape: [2], size: 2 });
    expect(file.tensors.get('t')!.bytes.buffer).toBe(shifted.buffer);
  });

  it('may have tensors without numbers between the others', () => {
    const empty = { dtype: 'F32', shape: [0, 3], data_offsets: [4, 4] };
    const file = readSafetensors(fileOf({ z: { dtype: 'F32', shape: [], data_offsets: [0, 4] }, a: empty, b: empty }, 4));
    expect([...file.tensors.values()].map(({ name, size }) => [name, size])).toEqual([['z', 1], ['a', 0], ['b', 0]]);
  });

  it('with a type that has no float32 form is opened, and that tensor refused by name (W8)', () => {
    const file = readSafetensors(fileOf({ c: { dtype: 'C64', shape: [1], data_offsets: [0, 8] }, f: { dtype: 'F32', shape: [1], data_offsets: [8, 12] } }, 12));
    expect(numbersOf(file, 'f')).toEqual([0]);
    expect(refusal(() => file.tensors.get('c')!.values)).toMatchObject({ code: 'ERR_WEIGHTS_DTYPE', tensor: 'c', message: expect.stringContaining('C64 has no float32 form') });
  });

  it.each<[string, ArrayBufferView, RegExp]>([
    ['F64', Float64Array.of(1, 1e300), /value 1 is 1e\+300, beyond the largest float32/],
    ['F64', Float64Array.of(-3.5e38), /value 0 is -3.5e\+38/],
    ['I64', BigInt64Array.of(3n, 2n ** 53n + 1n), /value 1 is 9007199254740993, which float32 would round to 9007199254740992/],
    ['U64', BigUint64Array.of(2n ** 64n - 1n), /value 0 is 18446744073709551615/],
    ['I32', Int32Array.of(0, 16_777_217), /value 1 is 16777217, which float32 would round to 16777216/],
  ])('with %s numbers that float32 cannot hold is refused with the value', (dtype, numbers, says) => {
    const header = text(JSON.stringify({ t: { dtype, shape: [(numbers as unknown as { length: number }).length], data_offsets: [0, numbers.byteLength] } }));
    const file = readSafetensors(joined(lengthOf(header.length), header, new Uint8Array(numbers.buffer)));
    const error = refusal(() => file.tensors.get('t')!.values);
    expect(error).toMatchObject({ code: 'ERR_WEIGHTS_RANGE', tensor: 't' });
    expect(error.message).toMatch(says);
  });
});

describe('the writer', () => {
  const entries = [{ name: 'b', shape: [2, 1], values: Float32Array.of(1, -0) }, { name: 'a', shape: [], values: Float32Array.of(Number.NaN) }];

  it('gives the same bytes whatever the order, aligned to 8', () => {
    const file = writeSafetensors(entries, { metadata: { z: '1', y: '2' } });
    expect(writeSafetensors([...entries].reverse(), { metadata: { y: '2', z: '1' } })).toEqual(file);
    const length = Number(new DataView(file.buffer).getBigUint64(0, true));
    expect(length % 8).toBe(0);
    expect(new TextDecoder().decode(file.subarray(8, 8 + length)).trimEnd()).toBe(
      '{"__metadata__":{"y":"2","z":"1"},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[2,1],"data_offsets":[4,12]}}');
  });

  it('is read back bit for bit', () => {
    const file = readSafetensors(writeSafetensors(entries));
    expect(numbersOf(file, 'b')).toEqual([1, -0]);
    expect(numbersOf(file, 'a')).toEqual([Number.NaN]);
  });

  it.each([
    ['a name twice', [entries[0]!, entries[0]!], /name must be there once, got "b"/],
    ['the reserved name', [{ ...entries[0]!, name: '__metadata__' }], /the format keeps it for notes/],
    ['a shape of other values', [{ ...entries[0]!, shape: [3] }], /shape of b must be one of 2 values, got \[3\]/],
  ])('refuses %s', (_, wrong, says) => {
    expect(() => writeSafetensors(wrong)).toThrow(says);
  });
});

it('every type that PyTorch writes has the values that PyTorch gives it', () => {
  const fixture = (name: string) => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));
  const { values } = JSON.parse(String(fixture('dtypes.json'))) as { values: Record<string, { shape: number[]; float32: (number | string)[] }> };
  const file = readSafetensors(fixture('dtypes.safetensors'));
  expect([...file.tensors.keys()].sort()).toEqual(Object.keys(values).sort());
  for (const [name, { shape, float32 }] of Object.entries(values)) {
    expect([...file.tensors.get(name)!.shape], name).toEqual(shape);
    expect(numbersOf(file, name), name).toEqual(float32.map(Number).map((x, i) => (float32[i] === 'inf' ? Infinity : float32[i] === '-inf' ? -Infinity : x)));
  }
});
