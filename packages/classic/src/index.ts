export { alexnet, ALEXNETS, type AlexNetConvolution, type AlexNetSpec } from './alexnet.js';
export { allCnn, ALL_CNNS, type AllCnnSpec, type Reduction } from './all-cnn.js';
export { lenet, LENETS, type LeNetSpec } from './lenet.js';
export { mlpConv, type MlpConvOptions } from './mlp-conv.js';
export { nin, NINS, type NinSpec, type NinStage } from './nin.js';
