export { DATASET_NAMES, loadDataset, type DatasetName, type LoadDatasetOptions } from './load-dataset.js';
export { cacheDirectory } from './cache-directory.js';
export { download, fileSha256, type DownloadOptions, type DownloadProgress } from './download.js';
export { replaceFile, type FileSystem } from './replace-file.js';
