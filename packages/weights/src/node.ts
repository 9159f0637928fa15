export { loadModel, saveModel, saveSafetensorsFile } from './model-folder.js';
export { PretrainedError, type PretrainedErrorCode } from './pretrained-error.js';
export { loadPretrained, type LoadPretrainedOptions, type PretrainedReport } from './pretrained.js';
export { openSafetensors, type SafetensorsOnDisk } from './safetensors-on-disk.js';
export { findWeights, type FoundWeights, type WeightsSourceOptions } from './weights-source.js';
