export { denseBlock, denseLayer, transition, type DenseBlockOptions, type DenseLayerOptions, type TransitionOptions } from './dense-blocks.js';
export { densenet, DENSENETS, type DenseNetSpec } from './densenet.js';
