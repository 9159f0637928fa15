/**
 * IDX, the format of the MNIST family: two zero bytes, one type code, one number of dimensions, one big-endian uint32 a
 * dimension, then the values, big-endian, last dimension fastest. Source: the format description on the MNIST home page
 * (Y. LeCun, C. Cortes, C. Burges, "The MNIST database", section "the IDX file format").
 */
import { checkOptions, customOption, describeValue, integerOption, oneOfOption, textOption } from './check-options.js';
import { DataError } from './data-error.js';
import { gunzip, isGzip } from './gunzip.js';
import { foreignFormat } from './foreign-format.js';

const TYPES = {
  uint8: { code: 0x08, bytes: 1 }, int8: { code: 0x09, bytes: 1 }, int16: { code: 0x0b, bytes: 2 },
  int32: { code: 0x0c, bytes: 4 }, float32: { code: 0x0d, bytes: 4 }, float64: { code: 0x0e, bytes: 8 },
} as const;
const MAX_RANK = 8;
const DEFAULT_MAX_BYTES = 2 ** 31;

/** The value types of IDX. */
export type IdxType = keyof typeof TYPES;

/** One array as an IDX file holds it: `dims` as in the file, `data` row major. */
export type IdxArray = { readonly dims: readonly number[] } & (
  | { readonly type: 'uint8'; readonly data: Uint8Array } | { readonly type: 'int8'; readonly data: Int8Array }
  | { readonly type: 'int16'; readonly data: Int16Array } | { readonly type: 'int32'; readonly data: Int32Array }
  | { readonly type: 'float32'; readonly data: Float32Array } | { readonly type: 'float64'; readonly data: Float64Array }
);

export interface ReadIdxOptions {
  /** Name for error messages. */
  readonly file?: string;
  /** Refuse other value types. */
  readonly type?: IdxType;
  /** Refuse other numbers of dimensions, 1 to 8. */
  readonly rank?: number;
  /** Refuse files that announce more unpacked bytes than this. Default 2 GiB. */
  readonly maxBytes?: number;
}

interface Header { readonly type: IdxType; readonly dims: readonly number[]; readonly start: number; readonly total: number }

const RULES = {
  file: textOption,
  type: oneOfOption(Object.keys(TYPES) as IdxType[]),
  rank: integerOption(1, MAX_RANK),
  maxBytes: integerOption(1, Number.MAX_SAFE_INTEGER),
};
const BYTES = customOption<Uint8Array>('a Uint8Array', (x) => x instanceof Uint8Array);

/**
 * Reads IDX bytes, gzipped or plain (told by content, not by name). The data of a plain uint8 file share memory with `bytes`.
 * Nothing is allocated before the announced size was checked, and a gzip stream is never unpacked past it.
 * @throws DataError ERR_DATA_FORMAT, ERR_DATA_SIZE, ERR_DATA_LIMIT, ERR_DATA_GZIP; ERR_OPTION for impossible options.
 */
export async function readIdx(bytes: Uint8Array, options: ReadIdxOptions = {}): Promise<IdxArray> {
  return parseIdx(await unpackIdx(bytes, options), options);
}

/** The plain IDX bytes of a file that may be gzipped, size-checked as `readIdx` does. */
export async function unpackIdx(bytes: Uint8Array, options: ReadIdxOptions = {}): Promise<Uint8Array> {
  if (!BYTES.accepts(bytes)) throw new DataError('ERR_OPTION', `readIdx: bytes must be ${BYTES.allowed}, got ${describeValue(bytes)}`);
  checkOptions('readIdx', RULES, options);
  if (!isGzip(bytes)) return bytes;
  return gunzip(bytes, (head) => readHeader(head, options, false)?.total, options.file);
}

/** Reads plain IDX bytes. */
export function parseIdx(bytes: Uint8Array, options: ReadIdxOptions = {}): IdxArray {
  const { file } = options;
  const header = readHeader(bytes, options, true);
  if (!header) throw new DataError('ERR_DATA_SIZE', 'header is cut', { file });
  const { type, dims, start, total } = header;
  if (bytes.length !== total) {
    const payload = `${dims.join(' x ')} values of ${type}`;
    throw new DataError('ERR_DATA_SIZE', `announces ${total} bytes (${start} of header, ${payload}), found ${bytes.length}`, { file, offset: Math.min(bytes.length, total) });
  }
  return { dims, ...readValues(type, bytes.subarray(start)) };
}

function readHeader(bytes: Uint8Array, options: ReadIdxOptions, complete: boolean): Header | undefined {
  const { file, type: wantedType, rank: wantedRank, maxBytes = DEFAULT_MAX_BYTES } = options;
  const tooShort = (needed: number): undefined => {
    if (complete) throw new DataError('ERR_DATA_SIZE', `an IDX header needs ${needed} bytes, found ${bytes.length}`, { file, offset: bytes.length });
    return undefined;
  };
  if (bytes.length < 4) return tooShort(4);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0);
  const expected = magicPhrase(wantedType, wantedRank);
  const refuse = (reason: string): never => {
    throw new DataError('ERR_DATA_FORMAT', `magic must be ${expected}, got ${hex(magic)}: ${reason}`, { file, offset: 0 });
  };
  const [code, rank] = [(magic >>> 8) & 0xff, magic & 0xff];
  if (magic >>> 16 !== 0) refuse((magic & 0xffff) === 0 ? 'this is a little-endian header, IDX is big-endian' : foreignFormat(bytes));
  const type = (Object.keys(TYPES) as IdxType[]).find((name) => TYPES[name].code === code) ?? refuse(`unknown type code ${hex(code, 2)}`);
  if (rank === 0 || rank > MAX_RANK) refuse(`${rank} dimensions, 1 to ${MAX_RANK} are allowed`);
  if ((wantedType && type !== wantedType) || (wantedRank && rank !== wantedRank)) refuse(`this file holds ${type} in ${rank} dimension${rank === 1 ? '' : 's'}${kindOf(type, rank)}`);
  const start = 4 + 4 * rank;
  if (bytes.length < start) return tooShort(start);
  const dims = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  const total = start + dims.reduce((product, dim) => product * dim, TYPES[type].bytes);
  if (total > maxBytes) throw new DataError('ERR_DATA_LIMIT', `announces ${dims.join(' x ')} values of ${type}, ${total} bytes; the limit is ${maxBytes}`, { file, offset: 4 });
  return { type, dims, start, total };
}

function readValues(type: IdxType, payload: Uint8Array) {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const length = payload.length / TYPES[type].bytes;
  switch (type) {
    case 'uint8': return { type, data: payload };
    case 'int8': return { type, data: Int8Array.from({ length }, (_, i) => view.getInt8(i)) };
    case 'int16': return { type, data: Int16Array.from({ length }, (_, i) => view.getInt16(2 * i)) };
    case 'int32': return { type, data: Int32Array.from({ length }, (_, i) => view.getInt32(4 * i)) };
    case 'float32': return { type, data: Float32Array.from({ length }, (_, i) => view.getFloat32(4 * i)) };
    case 'float64': return { type, data: Float64Array.from({ length }, (_, i) => view.getFloat64(8 * i)) };
  }
}

function hex(value: number, digits = 8): string {
  return `0x${value.toString(16).padStart(digits, '0')}`;
}

function magicPhrase(type?: IdxType, rank?: number): string {
  if (type && rank) return hex((TYPES[type].code << 8) | rank);
  return `0x0000 followed by ${type ? hex(TYPES[type].code, 2) : 'a type code'} and ${rank ?? 'the number of dimensions'}`;
}

function kindOf(type: IdxType, rank: number): string {
  if (type !== 'uint8') return '';
  return rank === 1 ? ', as label files do' : rank === 3 ? ', as image files do' : '';
}
