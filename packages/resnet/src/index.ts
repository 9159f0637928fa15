export { preactBasicBlock, preactBottleneck, type PreactBasicBlockOptions, type PreactBottleneckOptions } from './preact-blocks.js';
export { basicBlock, bottleneck, type BasicBlockOptions, type BottleneckOptions, type StrideOn } from './residual-blocks.js';
export { resnetV2, RESNETS_V2, type ResNetV2Spec } from './resnet-v2.js';
export { resnet, RESNETS, type ResNetSpec } from './resnet.js';
export type { Shortcut } from './shortcuts.js';
