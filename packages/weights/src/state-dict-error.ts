import { printable } from '@convkit/data';

/** What does not fit, by kind. */
export interface Misfits {
  /** Weights of the model that the state_dict lacks. */
  readonly missing: readonly string[];
  /** Entries that the model has no weight for, and further entries of one name. */
  readonly unexpected: readonly string[];
  /** Entries of another shape, as `name: [found] instead of [wanted]`. */
  readonly mismatched: readonly string[];
  /** Entries with NaN or infinite values, as `name: 3 of 64 values`; only where these are refused. */
  readonly nonFinite: readonly string[];
}

/** A state_dict that does not fit the model. The model is unchanged. */
export class StateDictError extends Error {
  override readonly name = 'StateDictError';
  readonly code = 'ERR_STATE_DICT';
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
  readonly mismatched: readonly string[];
  readonly nonFinite: readonly string[];

  constructor(
    model: string,
    { missing, unexpected, mismatched, nonFinite }: Misfits,
    /** What can be done about it, a sentence each. */
    readonly hints: readonly string[] = [],
  ) {
    const lists = [listed('missing', missing), listed('unexpected', unexpected), listed('wrong shape', mismatched), listed('NaN or infinite', nonFinite)];
    super([`state_dict does not fit the model "${printable(model)}", which is unchanged`, ...lists.filter(Boolean), ...hints.map((hint) => `  ${hint}`)].join('\n'));
    this.missing = missing;
    this.unexpected = unexpected;
    this.mismatched = mismatched;
    this.nonFinite = nonFinite;
  }
}

function listed(title: string, names: readonly string[]): string {
  if (names.length === 0) return '';
  const shown = names.slice(0, 10).map((name) => printable(name)).join(', ');
  return `  ${title} (${names.length}): ${shown}${names.length > 10 ? ', ...' : ''}`;
}
