export { combinedBlock, type CombinedBlockOptions } from './combined-block.js';
export { combined, COMBINED, type CombinedSpec } from './combined.js';
