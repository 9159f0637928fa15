export { main } from './cli/main.js';
export type { Io, OutputStream } from './cli/io.js';
export type { Engine, HeldMemory, Output, Runner, Unavailable } from './engines/engine.js';
export { chooseEngines, ENGINES, surveyEngines, type EngineChoice, type EngineReport } from './engines/catalog.js';
export { CommandError, EXIT } from './errors.js';
export { readResults, type ReadResults, type ReadWarning } from './records/read.js';
export { writeRecord, type WrittenRecord } from './records/write.js';
