import type { StateDictEntry } from './load-state-dict.js';
import { headerLength, LENGTH_BYTES, parseHeader, type TensorInfo } from './safetensors-header.js';
import { SafetensorsError } from './safetensors-error.js';
import { InexactError, TENSOR_TYPES } from './tensor-types.js';

/** A tensor of a safetensors file. Nothing is read before `bytes` or `values` is. */
export interface SafetensorsTensor extends StateDictEntry {
  /** Name of the type in the file, such as F32, BF16 or I64. */
  readonly dtype: string;
  readonly size: number;
  /** As they lie in the file. */
  readonly bytes: Uint8Array;
  /**
   * As float32, row-major; read and converted whenever it is asked for, so keep it while you need it.
   * @throws SafetensorsError ERR_WEIGHTS_DTYPE, ERR_WEIGHTS_RANGE for a number that float32 cannot hold.
   */
  readonly values: Float32Array;
}

/** An open safetensors file. */
export interface SafetensorsFile {
  /** What the writer noted, in its words. */
  readonly metadata: ReadonlyMap<string, string>;
  /** By name, in the order of their bytes. */
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
}

/** What a file is read from. */
export interface ByteSource {
  /** For messages. */
  readonly file?: string | undefined;
  readonly size: number;
  read(begin: number, end: number): Uint8Array;
}

/** Version of what `saveSafetensors` writes beside the tensors. */
export const SCHEMA = 1;
export const SCHEMA_KEY = 'convkit_schema';

/**
 * Opens a safetensors file that is in memory. The header is checked completely, tensors stay views of `bytes`.
 * @param options.file name for messages.
 * @throws SafetensorsError with a stable `code` for whatever is wrong.
 */
export function readSafetensors(bytes: Uint8Array, { file }: { file?: string } = {}): SafetensorsFile {
  return openSource({ file, size: bytes.length, read: (begin, end) => bytes.subarray(begin, end) });
}

/** Opens a safetensors file wherever it is: the header now, tensors when they are asked for. */
export function openSource(source: ByteSource): SafetensorsFile {
  const { file, size } = source;
  const length = headerLength(source.read(0, Math.min(64, size)), size, file);
  const start = LENGTH_BYTES + length;
  const { metadata, tensors } = parseHeader(source.read(LENGTH_BYTES, start), size - start, file);
  checkSchema(metadata, file);
  return { metadata, tensors: new Map(tensors.map((info) => [info.name, new TensorView(info, start, source)])) };
}

class TensorView implements SafetensorsTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly size: number;
  readonly #begin: number;
  readonly #end: number;
  readonly #source: ByteSource;

  constructor({ name, dtype, shape, size, begin, end }: TensorInfo, start: number, source: ByteSource) {
    this.name = name;
    this.dtype = dtype;
    this.shape = shape;
    this.size = size;
    this.#begin = start + begin;
    this.#end = start + end;
    this.#source = source;
  }

  get bytes(): Uint8Array {
    return this.#source.read(this.#begin, this.#end);
  }

  get values(): Float32Array {
    const place = { file: this.#source.file, tensor: this.name };
    const { bits = 0, toFloat32 } = TENSOR_TYPES.get(this.dtype) ?? {};
    if (toFloat32 === undefined) throw new SafetensorsError('ERR_WEIGHTS_DTYPE', `${this.dtype} has no float32 form here`, place);
    const { bytes } = this;
    try {
      // Typed arrays start at multiples of their element's size only; the header's length decides where tensors start.
      // Not slice(), which is another view where `bytes` is Node's Buffer.
      return toFloat32(bytes.byteOffset % (bits / 8) === 0 ? bytes : new Uint8Array(bytes));
    } catch (cause) {
      if (cause instanceof InexactError) throw new SafetensorsError('ERR_WEIGHTS_RANGE', `${this.dtype} ${cause.message}`, place);
      throw cause;
    }
  }
}

function checkSchema(metadata: ReadonlyMap<string, string>, file: string | undefined): void {
  const schema = metadata.get(SCHEMA_KEY);
  if (schema === undefined || (/^\d{1,9}$/.test(schema) && Number(schema) <= SCHEMA)) return;
  throw new SafetensorsError('ERR_WEIGHTS_SCHEMA', `was saved with schema ${schema.slice(0, 20)} of @convkit/weights, this version reads up to ${SCHEMA}: update @convkit/weights`, { file });
}
