import { createHash } from 'node:crypto';
import type { RecordDraft } from './schema.js';

/**
 * JSON with the keys of every object sorted and no white space: the same value always gives the same text.
 * Throws on a number that JSON would turn into null.
 */
function canonicalJson(value: unknown): string {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new TypeError(`canonicalJson: numbers must be finite, got ${value}`);
  }
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item === undefined ? null : item)).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`);
    return `{${fields.join(',')}}`;
  }
  return JSON.stringify(value);
}

/** The record's id: SHA-256 of its canonical JSON without the id, so an edited record no longer matches its id. */
export function recordId(record: RecordDraft): string {
  const { id: _, ...draft } = record as RecordDraft & { id?: string };
  return createHash('sha256').update(canonicalJson(draft)).digest('hex');
}
