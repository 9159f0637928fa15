/**
 * Why a data set could not be had. Stable: programs may switch on it.
 * - `ERR_OPTION` an option of the caller is impossible
 * - `ERR_DATA_FORMAT` not the announced format (magic number, type, dimensions)
 * - `ERR_DATA_SIZE` announced and found sizes differ
 * - `ERR_DATA_LIMIT` announced size is above what is allowed or possible
 * - `ERR_DATA_GZIP` damaged gzip stream
 * - `ERR_DATA_COUNT` images and labels do not go together
 * - `ERR_DATA_LABEL` a label outside its classes
 * - `ERR_DATA_CHECKSUM` content is not the known one
 * - `ERR_DATA_DOWNLOAD` the network, a server or a time limit
 * - `ERR_DATA_IMAGE` a file that is no image, a damaged one, or one that does not go with the others
 * - `ERR_DATA_DECODER` the library that decodes images is not installed
 * - `ERR_DATA_READ` a file is there but the operating system does not let it be read
 * - `ERR_DATA_NOT_FOUND` the data are in none of the places looked at
 */
export type DataErrorCode =
  | 'ERR_OPTION' | 'ERR_DATA_FORMAT' | 'ERR_DATA_SIZE' | 'ERR_DATA_LIMIT' | 'ERR_DATA_GZIP' | 'ERR_DATA_COUNT'
  | 'ERR_DATA_LABEL' | 'ERR_DATA_CHECKSUM' | 'ERR_DATA_DOWNLOAD' | 'ERR_DATA_IMAGE' | 'ERR_DATA_DECODER' | 'ERR_DATA_READ' | 'ERR_DATA_NOT_FOUND';

/** Where in which file an error was found. `offset` is in bytes of the unpacked content. */
export interface DataErrorPlace {
  readonly file?: string;
  readonly offset?: number;
  readonly cause?: unknown;
}

/** Every error this package throws on purpose: a message for people, a code, and the place where one is known. */
export class DataError extends Error {
  override readonly name = 'DataError';
  /** File name or URL, where known. */
  readonly file: string | undefined;
  /** Byte offset in the unpacked content, where known. */
  readonly offset: number | undefined;

  constructor(readonly code: DataErrorCode, message: string, place: DataErrorPlace = {}) {
    const where = place.file === undefined ? '' : `${printable(place.file)}: `;
    const offset = place.offset === undefined ? '' : ` (at byte ${place.offset})`;
    super(`${where}${message}${offset}`, place.cause === undefined ? undefined : { cause: place.cause });
    this.file = place.file;
    this.offset = place.offset;
  }
}

/** Text from outside as one safe line: control characters escaped, long text cut. */
export function printable(text: string, limit = 200): string {
  const escaped = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return escaped.length > limit ? `${escaped.slice(0, limit)}...` : escaped;
}

/** What an unknown thrown value says, for the end of a sentence. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return printable(String(error));
  // fetch hides the useful part (ECONNREFUSED, ENOTFOUND) one level down.
  const cause = error.cause instanceof Error ? `: ${error.cause.message || error.cause.name}` : '';
  return printable(`${error.message}${cause}`, 2000);
}
