/** What a page needs to run models on engines of its own behind the same interface, and to time them as the command does. Names no backend. */
export type { Device, Engine, HeldMemory, LoadOptions, Output, Runner, Runtime, Unavailable } from './engines/engine.js';
export { inputShapeOf } from './engines/input-shape.js';
export { sessionRunner } from './engines/session-runner.js';
export { programOf, tfjsRunner, type BackendHooks, type Form } from './engines/tfjs-program.js';
export { bound as boundWasm, workerCode } from './engines/wasm-bindings.mjs';
export { uniformValues } from './random.js';
export { REFERENCE, referenceWorkload, type Reference } from './suites/reference-workload.js';
export { scatterStatistics } from './suites/scatter-statistics.js';
export { innerRepeats, interleave, pairsOf, roundOrder, warmUp, type Round, type Sample } from './suites/timing.js';
