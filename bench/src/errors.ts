/** What the process ends with. 0 is done, 130 and 143 are SIGINT and SIGTERM. */
export const EXIT = {
  done: 0,
  /** It ran, but at least one run failed or a threshold was missed. */
  failed: 1,
  /** Wrong flag, option or configuration; nothing was done. */
  usage: 2,
  /** An input file cannot be read or is invalid. */
  input: 3,
  /** The machine: an engine is missing or lost, no memory, disk full. */
  environment: 4,
} as const;

type ExitName = keyof typeof EXIT;

/**
 * An error that a person can act on: `<where>: <field> must be <allowed>, got <value>`, a line on what to do,
 * and the exit code that the command ends with.
 */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number;
  /** One line on what to do about it. */
  readonly hint: string | undefined;

  constructor(kind: ExitName, message: string, hint?: string) {
    super(message);
    this.exitCode = EXIT[kind];
    this.hint = hint;
  }
}

const ENVIRONMENT_CODES = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM', 'EMFILE', 'ENFILE', 'EIO', 'ENOMEM', 'EADDRINUSE']);

/** What @convkit/data and @convkit/weights report of the world outside: the network, memory, what is not installed. */
const OUTSIDE_CODES = new Set(['ERR_DATA_NOT_FOUND', 'ERR_DATA_DOWNLOAD', 'ERR_DATA_DECODER', 'ERR_WEIGHTS_DOWNLOAD', 'ERR_WEIGHTS_CLIENT', 'ERR_WEIGHTS_MEMORY', 'ERR_ONNX_RUNTIME', 'ERR_ONNX_PROVIDER']);

/** The exit code of any error: its own, or that of what the system reported. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommandError) return error.exitCode;
  const code = errorCode(error);
  if (code === 'ERR_OPTION') return EXIT.usage;
  if (code !== undefined && OUTSIDE_CODES.has(code)) return EXIT.environment;
  // @convkit/data and @convkit/weights report a file that is not what it should be, @convkit/graph, @convkit/onnx and @convkit/evaluation a model.
  if (code !== undefined && /^ERR_(DATA|WEIGHTS|STATE_DICT|TRAIN_STATE|TRACE|DENSE_FORM|ONNX_SIZE)/.test(code)) return EXIT.input;
  if (code !== undefined && ENVIRONMENT_CODES.has(code)) return EXIT.environment;
  return EXIT.failed;
}

/** The `code` of a system error or of one of convkit's own. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The message of anything that was thrown; never `[object Object]` or `undefined`. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message === '' ? error.name : error.message;
  return typeof error === 'string' ? error : JSON.stringify(error) ?? String(error);
}
