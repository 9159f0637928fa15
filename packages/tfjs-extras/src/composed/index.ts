export {
  convolutionFilterGradient, convolutionInputGradient, depthwiseFilterGradient, depthwiseInputGradient, insertZeros, padOrCrop, type GradientAttributes, type Padding,
} from './convolution-gradient.js';
