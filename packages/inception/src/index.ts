export type { AuxiliarySpec } from './auxiliary-head.js';
export type { InceptionBlockOptions, ModulePart } from './branches.js';
export { buildGoogLeNet, googlenet, GOOGLENETS, googlenetSpec, type CheckedGoogLeNet, type GoogLeNetSpec } from './googlenet.js';
export { inceptionLoss, smoothLabels, type InceptionLoss, type InceptionLossOptions, type OutputLoss } from './inception-loss.js';
export { inceptionModule, naiveInception, type InceptionColumns, type InceptionModuleOptions, type LargeKernel, type NaiveInceptionOptions } from './inception-modules.js';
export { inceptionV3, INCEPTIONS_V3, type InceptionV3Spec } from './inception-v3.js';
export { inceptionV3Module, type InceptionV3ModuleOptions, type V3Kind } from './inception-v3-module.js';
