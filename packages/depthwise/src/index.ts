export type { DepthwiseBlockOptions } from './block-options.js';
export { depthwiseSeparable, mobilenetV1, MOBILENETS_V1, type DepthwiseSeparableOptions, type MobileNetV1Spec, type MobileNetV1Stage } from './mobilenet-v1.js';
export { invertedResidual, mobilenetV2, MOBILENETS_V2, type InvertedResidualOptions, type MobileNetV2Spec, type MobileNetV2Stage } from './mobilenet-v2.js';
export type { Stem } from './spec-options.js';
