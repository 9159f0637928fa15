export type { ChannelAdaptation } from './input-channels.js';
export { loadStateDict, type LoadReport, type LoadStateDictOptions, type StateDictEntry } from './load-state-dict.js';
export { readSafetensors, type SafetensorsFile, type SafetensorsTensor } from './safetensors.js';
export { SafetensorsError, type SafetensorsErrorCode, type SafetensorsErrorPlace } from './safetensors-error.js';
export { StateDictError, type Misfits } from './state-dict-error.js';
export { torchParameters, type TorchParameter } from './torch-parameter.js';
export { saveSafetensors, stateDict, writeSafetensors, type WriteSafetensorsOptions } from './write-safetensors.js';
