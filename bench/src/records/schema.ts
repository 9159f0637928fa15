/**
 * The result record: one JSON file a measurement, the only thing the leaderboard reads.
 * Runs in Node and in the browser. Units stand beside the fields; every number is finite and every headline
 * is recomputed from the raw samples that the record carries, so an edited headline does not validate.
 */
import * as v from 'valibot';
import { Accuracy } from './accuracy.js';
import { sha256, word } from './fields.js';
import { Correctness, Cost, Environment, Failure, Input, Memory, Provenance, Subject } from './groups.js';
import { Speed } from './speed.js';

/** The version this code writes and reads. */
export const SCHEMA_VERSION = 1;

/** What a run can end as; only 'ok' is ranked. */
export const STATUSES = ['ok', 'diverged', 'failed', 'crashed', 'timeout', 'out of memory', 'interrupted', 'rejected'] as const;

/** The record itself. Throws nothing: use `parseRecord`. */
export const ResultRecord = v.pipe(
  v.strictObject({
    schema: v.literal(SCHEMA_VERSION),
    /** SHA-256 of the canonical JSON of the record without this field. */
    id: sha256,
    kind: v.picklist(['cost', 'speed', 'accuracy']),
    status: v.picklist(STATUSES),
    /** RFC 3339, UTC. */
    created: v.pipe(v.string(), v.isoTimestamp(), v.endsWith('Z')),
    tier: v.picklist(['ci', 'maintainer', 'visitor']),
    subject: Subject,
    input: Input,
    cost: v.optional(Cost),
    speed: v.optional(Speed),
    memory: v.optional(Memory),
    accuracy: v.optional(Accuracy),
    correctness: v.optional(Correctness),
    failure: v.optional(Failure),
    environment: Environment,
    provenance: Provenance,
    /** Short codes: 'quick', 'noisy-machine', 'dirty-tree', ... */
    notes: v.array(word),
    /** The id of a record that this one corrects. */
    supersedes: v.optional(sha256),
  }),
  v.check((record) => record.status !== 'ok' || record[record.kind] !== undefined, 'an ok record needs its own group'),
  v.check((record) => (record.status === 'ok') === (record.failure === undefined), 'failure goes with a status not ok'),
  v.check(
    (record) => record.kind !== 'accuracy' || record.status !== 'ok' || record.accuracy?.top1 !== undefined,
    'an ok accuracy record needs top1',
  ),
);

/** A record that passed the schema. */
export type ResultRecord = v.InferOutput<typeof ResultRecord>;

/** A record before it has an id. */
export type RecordDraft = Omit<ResultRecord, 'id'>;

/** One problem: the path inside the record and what is wrong there. */
export interface RecordProblem {
  readonly path: string;
  readonly message: string;
}

/** A parsed record, or every reason why it is none. */
export type ParsedRecord =
  | { readonly ok: true; readonly record: ResultRecord }
  | { readonly ok: false; readonly problems: readonly RecordProblem[] };

/** Checks a value read from JSON. A record of a newer schema is refused with both versions named. */
export function parseRecord(value: unknown): ParsedRecord {
  const version = schemaVersion(value);
  if (version !== undefined && version > SCHEMA_VERSION) {
    const message = `schema version ${version} is newer than ${SCHEMA_VERSION}: update convkit to read it`;
    return { ok: false, problems: [{ path: 'schema', message }] };
  }
  const result = v.safeParse(ResultRecord, value);
  if (result.success) return { ok: true, record: result.output };
  const problems = result.issues.map((issue) => ({
    path: v.getDotPath(issue) ?? '(record)',
    message: issue.message,
  }));
  return { ok: false, problems };
}

function schemaVersion(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null || !('schema' in value)) return undefined;
  return typeof value.schema === 'number' ? value.schema : undefined;
}
