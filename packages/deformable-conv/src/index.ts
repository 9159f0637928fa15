export { deformableConvolve2d, type DeformableAttributes } from '@convkit/core';
export { deformableConv2d, deformableSpatial, type DeformableConv2dOptions, type DeformableOptions } from './deformable-conv2d.js';
export { DeformableConv2dLayer, type DeformableConv2dLayerOptions } from './deformable-conv2d-layer.js';
export { deformableResnet, DEFORMABLE_RESNETS, type DeformableResNetSpec } from './deformable-resnet.js';
export { deformableRoiPool2d, type DeformableRoiPoolOptions } from './deformable-roi-pool.js';
export { registerLayers } from './register-layers.js';
export { scaleGradient, ScaleGradientLayer, withScaledGradient, type ScaleGradientOptions } from './scale-gradient.js';
