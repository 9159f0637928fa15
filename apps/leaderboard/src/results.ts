import { parseRecord, type ResultRecord } from '@convkit/bench/records';

/** Something that is shown but never ranked: an unreadable file, an invalid record, a run that failed. */
export interface Excluded {
  readonly title: string;
  readonly kind: 'invalid' | 'failed';
  /** What is wrong, one line each. */
  readonly reasons: readonly string[];
  /** The record itself where it is a valid one. */
  readonly record?: ResultRecord;
}

/** What `results.json` holds after checking. */
export interface Results {
  /** When the file was written. */
  readonly generated?: string;
  /** Valid records of finished runs, each id once, none that another one corrects. */
  readonly records: readonly ResultRecord[];
  readonly excluded: readonly Excluded[];
}

const REASONS_SHOWN = 5;

/**
 * Checks a parsed `results.json`: `{ generated, records, warnings? }`, `warnings` being the files that the reader of the
 * results folder left out. One bad record never hides the others.
 * Throws a TypeError when the file as a whole has another shape.
 */
export function readResults(file: unknown): Results {
  if (!isObject(file) || !Array.isArray(file.records)) {
    throw new TypeError('results.json: records must be an array of result records');
  }
  const excluded: Excluded[] = [];
  const valid = new Map<string, ResultRecord>();
  const superseded = new Set<string>();
  for (const [index, value] of file.records.entries()) {
    const parsed = parseRecord(value);
    if (!parsed.ok) {
      const reasons = parsed.problems.slice(0, REASONS_SHOWN).map(({ path, message }) => `${path}: ${message}`);
      const more = parsed.problems.length - reasons.length;
      excluded.push({ title: titleOf(value, index), kind: 'invalid', reasons: more > 0 ? [...reasons, `and ${more} more`] : reasons });
      continue;
    }
    const { record } = parsed;
    const twin = valid.get(record.id);
    if (twin === undefined) {
      valid.set(record.id, record);
      if (record.supersedes !== undefined) superseded.add(record.supersedes);
    } else if (JSON.stringify(twin) !== JSON.stringify(record)) {
      excluded.push({ title: titleOf(record, index), kind: 'invalid', reasons: [`id: ${record.id.slice(0, 8)} is also the id of a record with other content`] });
    }
  }
  const records: ResultRecord[] = [];
  for (const record of valid.values()) {
    if (record.status !== 'ok') {
      const reasons = [`${record.kind} run, ${record.status}`, ...(record.failure === undefined ? [] : [record.failure.message])];
      excluded.push({ title: record.subject.variant, kind: 'failed', reasons, record });
    } else if (!superseded.has(record.id)) records.push(record);
  }
  for (const warning of Array.isArray(file.warnings) ? file.warnings : []) {
    if (isObject(warning)) excluded.push({ title: String(warning.file), kind: 'invalid', reasons: [String(warning.reason)] });
  }
  return { generated: typeof file.generated === 'string' ? file.generated : undefined, records, excluded };
}

function titleOf(value: unknown, index: number): string {
  const subject = isObject(value) ? value.subject : undefined;
  const variant = isObject(subject) ? subject.variant : undefined;
  return typeof variant === 'string' && variant !== '' ? variant : `record ${index + 1}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
