/**
 * What the visitor looks at, kept in the URL hash so that a link shows the same view. An empty string means "the
 * default": which group or column that is depends on the results, so it is chosen where they are known (view.ts).
 */
export interface ViewState {
  /** Words that must all occur in the model's name, family or configuration. */
  readonly query: string;
  readonly family: string;
  readonly input: string;
  readonly machine: string;
  readonly test: string;
  readonly engine: string;
  readonly data: string;
  /** Metric key of the sorted column, with '-' before it for largest first. */
  readonly sort: string;
  /** Metric keys of the cost columns shown, joined by commas; '-' for none. */
  readonly columns: string;
  /** Metric keys of the plot's axes. */
  readonly x: string;
  readonly y: string;
  /** Id of the model whose details are open. */
  readonly row: string;
}

/** The view of a page without a hash. */
export const DEFAULT_STATE: ViewState = {
  query: '', family: '', input: '', machine: '', test: '', engine: '', data: '', sort: '', columns: '', x: '', y: '', row: '',
};

const FIELDS = Object.keys(DEFAULT_STATE) as readonly (keyof ViewState)[];

/** A link is typed and edited by people: longer values are none that this page wrote. */
const LONGEST_VALUE = 500;

/** Reads a hash, with or without '#'. Unknown names and overlong values are ignored; it never throws. */
export function decodeState(hash: string): ViewState {
  const given = new URLSearchParams(hash.replace(/^#/, ''));
  const state: Record<keyof ViewState, string> = { ...DEFAULT_STATE };
  for (const field of FIELDS) {
    const value = given.get(field);
    if (value !== null && value.length <= LONGEST_VALUE) state[field] = value;
  }
  return state;
}

/** The hash without '#': only what differs from the default, in a fixed order. */
export function encodeState(state: ViewState): string {
  const out = new URLSearchParams();
  for (const field of FIELDS) if (state[field] !== DEFAULT_STATE[field]) out.set(field, state[field]);
  // Colons and commas are legal in a hash: a link that people read keeps them.
  return out.toString().replaceAll('%3A', ':').replaceAll('%2C', ',');
}

/** Sort state as column and direction; undefined for the default. */
export function decodeSort(sort: string): { key: string; descending: boolean } | undefined {
  if (sort === '') return undefined;
  return sort.startsWith('-') ? { key: sort.slice(1), descending: true } : { key: sort, descending: false };
}

/** The inverse of `decodeSort`. */
export function encodeSort(key: string, descending: boolean): string {
  return descending ? `-${key}` : key;
}
