export { loadStateDict, StateDictError, type StateDictEntry } from './load-state-dict.js';
export { torchParameters, type TorchParameter } from './torch-parameter.js';
