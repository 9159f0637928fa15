/**
 * Why trained weights could not be had. Stable: programs may switch on it.
 * - `ERR_WEIGHTS_SOURCE` `from` is no file, address or hub id, or what it names does not exist
 * - `ERR_WEIGHTS_DOWNLOAD` the network, a server, or a content that is not the announced one
 * - `ERR_WEIGHTS_CLIENT` the hub's client library is not installed
 */
export type PretrainedErrorCode = 'ERR_WEIGHTS_SOURCE' | 'ERR_WEIGHTS_DOWNLOAD' | 'ERR_WEIGHTS_CLIENT';

/** Trained weights that could not be had: the message says where they were looked for and what to do instead. */
export class PretrainedError extends Error {
  override readonly name = 'PretrainedError';

  constructor(readonly code: PretrainedErrorCode, message: string, options?: { cause: unknown }) {
    super(message, options);
  }
}
