/**
 * The header of a safetensors file: 8 bytes with its length, little-endian, then JSON that names each tensor's type, shape and
 * place, then the tensors' bytes without gaps. https://github.com/huggingface/safetensors#format
 * Everything is checked here, before a byte of a tensor is read: what this accepts can be read without looking again.
 */
import { foreignFile } from './foreign-file.js';
import { repeatedKey } from './repeated-key.js';
import { quoted, SafetensorsError, type SafetensorsErrorCode } from './safetensors-error.js';
import { TENSOR_TYPES } from './tensor-types.js';

/** The format's own limit, which keeps a hostile length from being believed. */
export const MAX_HEADER_BYTES = 100_000_000;
export const LENGTH_BYTES = 8;

/** What the header says of one tensor; `begin` and `end` count from the first byte after the header. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Number of values. */
  readonly size: number;
  readonly begin: number;
  readonly end: number;
}

export interface Header {
  readonly metadata: ReadonlyMap<string, string>;
  /** In the order of their bytes. */
  readonly tensors: readonly TensorInfo[];
}

/**
 * The length of the header, by the first bytes of the file (64 of them where there are so many).
 * @throws SafetensorsError ERR_WEIGHTS_FORMAT for a file of another kind, ERR_WEIGHTS_HEADER for an impossible length.
 */
export function headerLength(head: Uint8Array, fileBytes: number, file?: string): number {
  const refuse = (reason: string): never => {
    const foreign = foreignFile(head);
    if (foreign !== undefined) throw new SafetensorsError('ERR_WEIGHTS_FORMAT', `must be a safetensors file; ${foreign}`, { file });
    throw new SafetensorsError('ERR_WEIGHTS_HEADER', reason, { file, offset: 0 });
  };
  if (head.length < LENGTH_BYTES) return refuse(`a safetensors file starts with the 8 bytes of its header's length, got ${fileBytes} ${fileBytes === 1 ? 'byte' : 'bytes'} in all`);
  const length = new DataView(head.buffer, head.byteOffset).getBigUint64(0, true);
  if (length < 2n) return refuse(`header length must be at least 2 bytes, got ${length}`);
  if (length > MAX_HEADER_BYTES) return refuse(`header length must be at most ${MAX_HEADER_BYTES} bytes, got ${length}`);
  const left = fileBytes - LENGTH_BYTES;
  if (length > left) return refuse(`header length must be at most the ${left} bytes that follow it, got ${length}`);
  if (head[LENGTH_BYTES] !== 0x7b) return refuse(`the header must start with {, got the byte 0x${(head[LENGTH_BYTES] ?? 0).toString(16).padStart(2, '0')}`);
  return Number(length);
}

/**
 * Reads the header's text.
 * @param dataBytes how many bytes follow it.
 * @throws SafetensorsError for everything that is wrong with it, naming the tensor.
 */
export function parseHeader(bytes: Uint8Array, dataBytes: number, file?: string): Header {
  const root = parseJson(bytes, file);
  const metadata = new Map<string, string>();
  const tensors: TensorInfo[] = [];
  // Object.entries sees what JSON.parse made own properties: a tensor may be called __proto__.
  for (const [name, value] of Object.entries(root)) {
    if (name === '__metadata__') {
      if (!isObject(value)) throw new SafetensorsError('ERR_WEIGHTS_HEADER', `__metadata__ must be an object of strings, got ${kindOf(value)}`, { file });
      for (const [key, text] of Object.entries(value)) {
        if (typeof text !== 'string') throw new SafetensorsError('ERR_WEIGHTS_HEADER', `__metadata__ must hold strings, got ${kindOf(text)} for ${quoted(key)}`, { file });
        metadata.set(key, text);
      }
    } else tensors.push(readTensor(name, value, file));
  }
  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkPlaces(tensors, bytes.length + LENGTH_BYTES, dataBytes, file);
  return { metadata, tensors };
}

function parseJson(bytes: Uint8Array, file: string | undefined): Record<string, unknown> {
  const refuse = (message: string, offset?: number, cause?: unknown): never => {
    throw new SafetensorsError('ERR_WEIGHTS_HEADER', message, { file, offset, cause });
  };
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    return refuse('the header must be UTF-8', LENGTH_BYTES + firstInvalidByte(bytes), cause);
  }
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch (cause) {
    return refuse(`the header must be JSON: ${quoted(cause instanceof Error ? cause.message : String(cause)).slice(1, -1)}`, LENGTH_BYTES, cause);
  }
  if (!isObject(root)) return refuse(`the header must be a JSON object, got ${kindOf(root)}`, LENGTH_BYTES);
  const repeated = repeatedKey(text);
  if (repeated !== undefined) throw new SafetensorsError('ERR_WEIGHTS_DUPLICATE', `the name ${quoted(repeated)} must be there once in its object, got it twice`, { file });
  return root;
}

/** Where the first sequence starts that is no UTF-8, give or take the 3 bytes of a character. */
function firstInvalidByte(bytes: Uint8Array): number {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for (let at = 0; at < bytes.length; at++) {
    try {
      decoder.decode(bytes.subarray(at, at + 1), { stream: true });
    } catch {
      return at;
    }
  }
  return bytes.length;
}

function readTensor(name: string, value: unknown, file: string | undefined): TensorInfo {
  const refuse = (code: SafetensorsErrorCode, message: string): never => {
    throw new SafetensorsError(code, message, { file, tensor: name });
  };
  if (!isObject(value)) return refuse('ERR_WEIGHTS_HEADER', `must be an object with dtype, shape and data_offsets, got ${kindOf(value)}`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string') return refuse('ERR_WEIGHTS_HEADER', `dtype must be a string, got ${kindOf(dtype)}`);
  const type = TENSOR_TYPES.get(dtype);
  if (type === undefined) return refuse('ERR_WEIGHTS_DTYPE', `dtype must be one of ${[...TENSOR_TYPES.keys()].join(', ')}, got ${quoted(dtype)}`);
  if (!Array.isArray(shape)) return refuse('ERR_WEIGHTS_HEADER', `shape must be a list, got ${kindOf(shape)}`);
  let size = 1;
  for (const [axis, dimension] of shape.entries()) {
    if (!isCount(dimension)) return refuse('ERR_WEIGHTS_SHAPE', `dimension ${axis} must be an integer from 0 to 2^53 - 1, got ${shown(dimension)}`);
    size *= dimension;
    if (size * type.bits > Number.MAX_SAFE_INTEGER) return refuse('ERR_WEIGHTS_SHAPE', `shape must hold fewer than 2^53 bits, got more with dimension ${axis} (${dimension})`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2) return refuse('ERR_WEIGHTS_OFFSETS', `data_offsets must be a list of two integers, got ${shown(offsets)}`);
  const [begin, end]: unknown[] = offsets;
  if (!isCount(begin) || !isCount(end)) return refuse('ERR_WEIGHTS_OFFSETS', `data_offsets must be two integers from 0 to 2^53 - 1, got [${shown(begin)}, ${shown(end)}]`);
  if (end < begin) return refuse('ERR_WEIGHTS_OFFSETS', `data_offsets must not go backwards, got [${begin}, ${end}]`);
  const wanted = (size * type.bits) / 8;
  if (end - begin !== wanted) return refuse('ERR_WEIGHTS_OFFSETS', `data_offsets must span the ${wanted} bytes of ${size} ${dtype} values, got ${end - begin} bytes [${begin}, ${end}]`);
  return { name, dtype, shape: shape as number[], size, begin, end };
}

/** Tensors, sorted by place, must fill the rest of the file: nothing in between, nothing shared, nothing left. */
function checkPlaces(tensors: readonly TensorInfo[], start: number, dataBytes: number, file: string | undefined): void {
  let cursor = 0;
  for (const { name, begin, end } of tensors) {
    if (begin !== cursor) {
      const what = begin > cursor ? `${begin - cursor} bytes that belong to no tensor lie in front of it` : `its first ${Math.min(end, cursor) - begin} bytes belong to another tensor too`;
      throw new SafetensorsError('ERR_WEIGHTS_OFFSETS', `data_offsets must start at ${cursor}, got ${begin}: ${what}`, { file, tensor: name, offset: start + begin });
    }
    cursor = end;
  }
  if (cursor === dataBytes) return;
  const what = cursor > dataBytes ? 'it was cut off, or the download is not complete' : `${dataBytes - cursor} bytes belong to no tensor`;
  throw new SafetensorsError('ERR_WEIGHTS_SIZE', `the file must have ${start + cursor} bytes by its header, got ${start + dataBytes}: ${what}`, { file });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : `a value of type ${typeof value}`;
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return `${quoted(text.length > 60 ? `${text.slice(0, 57)}...` : text).slice(1, -1)} (${kindOf(value).replace('a value of type ', '')})`;
}
