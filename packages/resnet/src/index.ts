export { basicBlock, bottleneck, type BasicBlockOptions, type BottleneckOptions, type Shortcut, type StrideOn } from './residual-blocks.js';
export { resnet, RESNETS, type ResNetSpec } from './resnet.js';
