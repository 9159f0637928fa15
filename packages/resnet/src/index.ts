export { preactBasicBlock, preactBottleneck, type PreactBasicBlockOptions, type PreactBottleneckOptions } from './preact-blocks.js';
export type { PreactParts, ResidualPart, ResidualParts, SpatialPart } from './parts.js';
export { basicBlock, bottleneck, type BasicBlockOptions, type BottleneckOptions, type StrideOn } from './residual-blocks.js';
export { residualNetwork, residualStages, type ResidualNetwork, type ResidualStage, type ResidualUnitOptions } from './residual-network.js';
export { resnetV2, RESNETS_V2, type ResNetV2Spec } from './resnet-v2.js';
export { resnet, RESNETS, type ResNetSpec } from './resnet.js';
export { addShortcut, SHORTCUTS, type Projection, type Shortcut, type ShortcutOptions } from './shortcuts.js';
