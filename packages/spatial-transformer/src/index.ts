export { gridSample2d, type GridSampleAttributes } from '@convkit/core';
export { affineGrid, affineGrid2d, AffineGridLayer, type AffineGridOptions } from './affine-grid.js';
