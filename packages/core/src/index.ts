export { activate, activation, ACTIVATIONS, ActivationLayer, type ActivationKind, type ActivationOptions } from './activation.js';
export { batchNorm, BatchNormLayer, batchNormalize, batchNormalizeTraining, type BatchNormOptions } from './batch-norm.js';
export { bilinearSample, type SamplePositions } from './bilinear-sample.js';
export { blockEntries, layersUnder, type BlockOptions } from './block.js';
export {
  channelShuffle, ChannelShuffleLayer, padChannels, PadChannelsLayer, shuffleChannels, sliceChannels, SliceChannelsLayer,
  type ChannelShuffleOptions, type PadChannelsOptions, type SliceChannelsOptions,
} from './channels.js';
export { channelGate, ChannelGateLayer, gateChannels, type ChannelGateOptions } from './channel-gate.js';
export { convolveTranspose2d, convTranspose2d, ConvTranspose2dLayer, type ConvolveTransposeAttributes, type ConvTranspose2dOptions } from './conv-transpose2d.js';
export {
  conv2d, Conv2dLayer, convolutionConfig, convolutionEntries, convolutionShape, windowAttributes, type Conv2dOptions, type ConvolutionConfig, type ConvolutionOptions,
} from './conv2d.js';
export { convolve2d, depthwiseConvolve2d, type ConvolveAttributes, type DepthwiseAttributes } from './convolve.js';
export { deformableConvolve2d, type DeformableAttributes } from './deformable-convolve.js';
export { dense, DenseLayer, multiplyMatrices, type DenseOptions } from './dense.js';
export { depthwiseConv2d, DepthwiseConv2dLayer, type DepthwiseConv2dOptions } from './depthwise-conv2d.js';
export { defineFamily, type BuildContext, type BuildOptions, type Built, type Family, type FamilyDefinition, type ImageShape, type Paper, type VariantRow } from './family.js';
export { gateFactors, gateOption, type GateForm, type GateOptions } from './gate.js';
export { globalAveragePool, GlobalAveragePoolLayer, globalMaxPool, GlobalMaxPoolLayer, type GlobalPoolOptions } from './global-pool.js';
export { iou, suppressGreedily } from './greedy-suppression.js';
export { gridSample2d, type GridSampleAttributes } from './grid-sample.js';
export { constantInitializer, initializer, initializerOption, INITIALIZERS, seedOption, type IdentityInitializer, type InitializerName, type KernelInitializer, type NormalInitializer } from './initialization.js';
export { applyLayer, imageShape, layerEntries, layerLabel, oneTensor, type Layer, type LayerOptions } from './layer.js';
export { localResponseNorm, LocalResponseNormLayer, localResponseNormalize, type LocalResponseNormOptions } from './local-response-norm.js';
export { isLowerable, type Lowerable, type Lowering, type OpAttributes, type OpKind, type Value, type ValueShape, type WindowAttributes } from './lowering.js';
export { add, concatenate, dropout, flatten, maximum, multiply, type DropoutOptions } from './merge.js';
export { closest, describeValue, OptionError, unknownName } from './option-error.js';
export { option, readOptions, type OptionEntries, type OptionOutput, type OptionSchema } from './options.js';
export { effectiveKernel, paddingOption, resolvePadding, windowOutput, type Padding, type PaddingOption } from './padding.js';
export { adaptiveAvgPool2d, averageScale, avgPool2d, maxPool2d, spatialMean, type AveragePoolAttributes, type PoolAttributes } from './pool.js';
export {
  adaptiveAvgPool, AdaptiveAvgPoolLayer, avgPool, AvgPoolLayer, maxPool, MaxPoolLayer,
  type AdaptiveAvgPoolOptions, type AvgPoolOptions, type PoolOptions,
} from './pool-layers.js';
export { hashString, normalStream, randomStream } from './random.js';
export { reduceChannels, ReduceChannelsLayer, type ReduceChannelsOptions } from './reduce-channels.js';
export { fieldBehind, PIXEL_FIELD, receptiveField, type AxisField, type AxisWindow, type WindowLayer } from './receptive-field.js';
export { coreLayers, registerLayers } from './register-layers.js';
export { resizeNearest, resizeNearest2d, ResizeNearestLayer, type ResizeNearestOptions } from './resize-nearest.js';
export { interpolationWeights, resizeBilinear, resizeBilinear2d, ResizeBilinearLayer, type Interpolation, type ResizeBilinearOptions } from './resize.js';
export { squeezeExcite, type SqueezeExciteOptions } from './squeeze-excite.js';
export { alignBoxes, alignRegions, type RoiAlignAttributes } from './roi-align.js';
export { poolBoxes, poolRegions, type RoiPoolAttributes } from './roi-pool.js';
export { stochasticDepth, StochasticDepthLayer, type StochasticDepthOptions } from './stochastic-depth.js';
export { stochasticPool, StochasticPoolLayer, stochasticPoolMean, stochasticPoolSample, type StochasticPoolOptions } from './stochastic-pool.js';
export { suppressedBoxes, type SuppressionAttributes } from './suppressed-boxes.js';
export { sumActivated, sumOf } from './sum-of.js';
export { sumWeighted, weightedSum, WeightedSumLayer, type WeightedSumOptions } from './weighted-sum.js';
