export { alexnet, ALEXNETS, type AlexNetConvolution, type AlexNetSpec } from './alexnet.js';
export { allCnn, ALL_CNNS, type AllCnnSpec, type Reduction } from './all-cnn.js';
export { radialBasis, RadialBasisLayer, scaledTanh, ScaledTanhLayer, subsampling, SubsamplingLayer, type RadialBasisOptions, type SubsamplingOptions } from './lenet-layers.js';
export { lenet, LENETS, type LeNetSpec } from './lenet.js';
export { mlpConv, type MlpConvOptions } from './mlp-conv.js';
export { nin, NINS, type NinSpec, type NinStage } from './nin.js';
export { registerLayers } from './register-layers.js';
export { tableConv, type ConnectionTable, type TableConvOptions } from './table-conv.js';
