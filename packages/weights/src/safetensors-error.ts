import { printable } from '@convkit/data';

/**
 * Why a weight file was refused. Stable: programs may switch on it.
 * - `ERR_WEIGHTS_FORMAT` not a safetensors file at all; the message says what it is and how to convert it
 * - `ERR_WEIGHTS_HEADER` the header's length, its text (not UTF-8, not JSON, not an object) or a field of it
 * - `ERR_WEIGHTS_DUPLICATE` a name that is there twice
 * - `ERR_WEIGHTS_SHAPE` a dimension or the product of all
 * - `ERR_WEIGHTS_OFFSETS` places of tensors: holes, overlaps, not what type and shape need
 * - `ERR_WEIGHTS_SIZE` bytes missing at the end of the file, or left over
 * - `ERR_WEIGHTS_DTYPE` a type of number that is unknown or has no float32 form
 * - `ERR_WEIGHTS_RANGE` a number that float32 cannot hold
 * - `ERR_WEIGHTS_SCHEMA` saved by a newer version of this package
 * - `ERR_WEIGHTS_CHANGED` the file changed while it was read
 * - `ERR_WEIGHTS_MEMORY` no room for a tensor
 * - `ERR_WEIGHTS_SHARD` a shard of a sharded file is missing, elsewhere, or not what the index says
 * - `ERR_WEIGHTS_READ` the operating system does not let the file be read
 */
export type SafetensorsErrorCode =
  | 'ERR_WEIGHTS_FORMAT' | 'ERR_WEIGHTS_HEADER' | 'ERR_WEIGHTS_DUPLICATE' | 'ERR_WEIGHTS_SHAPE' | 'ERR_WEIGHTS_OFFSETS' | 'ERR_WEIGHTS_SIZE' | 'ERR_WEIGHTS_DTYPE'
  | 'ERR_WEIGHTS_RANGE' | 'ERR_WEIGHTS_SCHEMA' | 'ERR_WEIGHTS_CHANGED' | 'ERR_WEIGHTS_MEMORY' | 'ERR_WEIGHTS_SHARD' | 'ERR_WEIGHTS_READ';

/** Where in which file an error was found. */
export interface SafetensorsErrorPlace {
  readonly file?: string | undefined;
  /** Name of the tensor. */
  readonly tensor?: string | undefined;
  /** In bytes of the file. */
  readonly offset?: number | undefined;
  readonly cause?: unknown;
}

/** A weight file that cannot be read: `<file>: tensor "<name>": <what> (at byte <offset>)`. */
export class SafetensorsError extends Error {
  override readonly name = 'SafetensorsError';
  readonly file: string | undefined;
  readonly tensor: string | undefined;
  readonly offset: number | undefined;

  constructor(readonly code: SafetensorsErrorCode, message: string, { file, tensor, offset, cause }: SafetensorsErrorPlace = {}) {
    const where = [...(file === undefined ? [] : [printable(file)]), ...(tensor === undefined ? [] : [`tensor ${quoted(tensor)}`])];
    super(`${[...where, message].join(': ')}${offset === undefined ? '' : ` (at byte ${offset})`}`, cause === undefined ? undefined : { cause });
    this.file = file;
    this.tensor = tensor;
    this.offset = offset;
  }
}

/** A name from a file as one safe, short, quoted line. */
export function quoted(name: string): string {
  return `"${printable(name, 100)}"`;
}
