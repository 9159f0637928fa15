export { boxAreas, boxesOfSide, clipBoxes, convertBoxes, type BoxFormat, type Boxes } from './boxes.js';
export { BOX_WEIGHTS, decodeBoxes, encodeBoxes, SCALE_CLAMP, type DecodeOptions, type EncodeOptions } from './box-coding.js';
export { boxOverlaps, type Overlap, type OverlapOptions } from './box-overlaps.js';
export { type Size } from './anchor-options.js';
export { DEFAULT_BOXES, defaultBoxes, type DefaultBoxOptions } from './default-boxes.js';
export { GRID_ANCHORS, gridAnchors, type GridAnchorOptions } from './grid-anchors.js';
export { PRIOR_ANCHORS, priorAnchors, type PriorAnchorOptions } from './prior-anchors.js';
