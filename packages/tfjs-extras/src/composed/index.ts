export { batchNormalize } from './batch-norm.js';
export {
  convolutionFilterGradient, convolutionInputGradient, depthwiseFilterGradient, depthwiseInputGradient, insertZeros, padOrCrop, type GradientAttributes, type Padding,
} from './convolution-gradient.js';
export { averagePoolGradient, raisePositive, type AverageAttributes } from './pooling-gradient.js';
