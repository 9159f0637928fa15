export type { DepthwiseBlockOptions } from './block-options.js';
export { efficientnet, EFFICIENTNETS, type EfficientNetSpec, type EfficientNetStage } from './efficientnet.js';
export { invertedResidual, type InvertedResidualOptions, type InvertedResidualSqueeze } from './inverted-residual.js';
export { depthwiseSeparable, mobilenetV1, MOBILENETS_V1, type DepthwiseSeparableOptions, type MobileNetV1Spec, type MobileNetV1Stage } from './mobilenet-v1.js';
export { mobilenetV2, MOBILENETS_V2, type MobileNetV2Spec, type MobileNetV2Stage } from './mobilenet-v2.js';
export { mobilenetV3, MOBILENETS_V3, type MobileNetV3Block, type MobileNetV3Spec } from './mobilenet-v3.js';
export type { Stem } from './spec-options.js';
export { separableConv, xceptionBlock, type SeparableConvOptions, type XceptionBlockOptions } from './xception-block.js';
export { xception, XCEPTIONS, type XceptionSpec, type XceptionStage } from './xception.js';
