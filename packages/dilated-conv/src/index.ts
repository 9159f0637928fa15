export { aspp, summedAspp, type AsppOptions, type SummedAsppOptions } from './aspp.js';
export { contextModule, type ContextModuleOptions } from './context-module.js';
export { deeplab, DEEPLABS, dilatedStages, type DeepLabSpec } from './deeplab.js';
export { dilatedBlock, type DilatedBlockOptions } from './dilated-block.js';
export { DILATED_VGGS, dilatedVgg, type DilatedVggSpec } from './dilated-vgg.js';
export { drn, DRNS, type DrnSpec } from './drn.js';
export { hybridDilation, type DilationOptions, type HybridDilation } from './hybrid-dilation.js';
