import { distance } from 'fastest-levenshtein';

/** The candidate nearest to `name`, if one is at most two edits away. */
export function closest(name: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = 3;
  for (const candidate of candidates) {
    const edits = distance(name.toLowerCase(), candidate.toLowerCase());
    if (edits < bestDistance) [best, bestDistance] = [candidate, edits];
  }
  return best;
}

/** A value as an error message shows it: short, one line, with its type. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing (undefined)';
  if (value === null) return 'null';
  const type = Array.isArray(value) ? 'array' : typeof value;
  if (typeof value === 'string') return `${JSON.stringify(clip(value))} (string)`;
  if (typeof value === 'function') return `a function (${value.name || 'anonymous'})`;
  if (typeof value === 'object') return `${clip(safeJson(value))} (${type})`;
  return `${String(value)} (${type})`;
}

function clip(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function safeJson(value: object): string {
  try {
    return JSON.stringify(value) ?? 'an object';
  } catch {
    return 'an object';
  }
}

/**
 * A wrong option of a block, layer or builder. The message names where it happened, the option, what is
 * allowed and what came instead: `conv2d "stem": filters must be an integer >= 1, got 0 (number)`.
 */
export class OptionError extends Error {
  override readonly name = 'OptionError';
  /** Stable, for programs that tell errors apart. */
  readonly code = 'ERR_OPTION';

  constructor(
    /** The block, layer or builder that refused, with the layer's name where it has one. */
    readonly where: string,
    readonly option: string,
    readonly value: unknown,
    /** What would have been accepted, as a phrase. */
    readonly allowed: string,
    hint = '',
  ) {
    super(`${where}: ${option} must be ${allowed}, got ${describeValue(value)}${hint ? `. ${hint}` : ''}`);
  }
}

/** The error for an option name that does not exist, with the nearest one that does. */
export function unknownOption(where: string, option: string, value: unknown, known: readonly string[]): OptionError {
  const near = closest(option, known);
  const hint = near ? `Did you mean ${near}?` : '';
  const error = new OptionError(where, option, value, `one of the options ${known.join(', ')}`, hint);
  error.message = `${where}: unknown option ${option}${near ? `, did you mean ${near}?` : ''} (options: ${known.join(', ')})`;
  return error;
}

/** The error for a name that is not in a list (a variant, an activation, a feature), with the nearest one that is. */
export function unknownName(where: string, option: string, value: unknown, known: readonly string[]): OptionError {
  const near = typeof value === 'string' ? closest(value, known) : undefined;
  return new OptionError(where, option, value, `one of ${known.join(', ')}`, near ? `Did you mean ${near}?` : '');
}
