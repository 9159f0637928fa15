export { DATASET_NAMES, loadDataset, type DatasetName, type LoadDatasetOptions } from './load-dataset.js';
export { defaultCacheDirectory } from './idx-files.js';
export type { DownloadProgress } from './download.js';
