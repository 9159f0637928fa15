export { attentionParts, type Attention, type AttentionPartsOptions, type Placement } from './attention-parts.js';
export { cbam, type CbamOptions } from './cbam.js';
export { channelConvolution, ChannelConvolutionLayer, convolveChannels, type ChannelConvolutionOptions } from './channel-convolution.js';
export { channelKernelSize, efficientChannelAttention, type EfficientChannelAttentionOptions } from './efficient-channel-attention.js';
export { registerLayers } from './register-layers.js';
export { scse, spatialSqueezeExcite, type ScseOptions, type SpatialSqueezeExciteOptions } from './scse.js';
export { seInception, SE_INCEPTIONS, type SEInceptionSpec } from './se-inception.js';
export { seResnet, SE_RESNETS, type SEResNetSpec } from './se-resnet.js';
export { squeezeExcite, type SqueezeExciteOptions } from '@convkit/core';
