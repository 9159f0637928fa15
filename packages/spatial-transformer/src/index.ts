export { gridSample2d, type GridSampleAttributes } from '@convkit/core';
export { affineGrid, affineGrid2d, AffineGridLayer, type AffineGridOptions } from './affine-grid.js';
export { gridSample, GridSampleLayer, type GridSampleOptions } from './grid-sample.js';
export { registerLayers } from './register-layers.js';
export { stn, STNS, type StnSpec, type StnStage } from './stn.js';
export { thinPlateGrid, thinPlateGrid2d, ThinPlateGridLayer, type ThinPlateGridOptions } from './thin-plate-grid.js';
export { spatialTransformer, type Localisation, type SpatialTransformerOptions } from './spatial-transformer.js';
