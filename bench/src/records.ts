export { parseRecord, ResultRecord, SCHEMA_VERSION, STATUSES } from './records/schema.js';
export type { ParsedRecord, RecordDraft, RecordProblem } from './records/schema.js';
