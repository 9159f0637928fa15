export { DataError, printable, reasonOf, type DataErrorCode, type DataErrorPlace } from './data-error.js';
export { recognizeFormat } from './foreign-format.js';
export { readIdx, type IdxArray, type IdxType, type ReadIdxOptions } from './idx.js';
export { checkSplit, type ImageDataset, type ImageShape, type ImageSplit } from './dataset.js';
export { FASHION_MNIST, fashionMnist, type AssembleOptions, type IdxDatasetSpec, type IdxFile, type IdxPart } from './fashion-mnist.js';
export { SHAPE_CLASSES, shapes, type ShapesDataset, type ShapesOptions, type ShapesSplit } from './shapes.js';
export { batches, normalizeImages, takeRecords, type Batch, type Batches, type BatchOptions, type PixelScale } from './batches.js';
export { splitRecords, type SplitOptions, type SplitRecords } from './split-records.js';
