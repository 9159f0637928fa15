export { DATASET_NAMES, isDatasetPath, loadDataset, type DatasetName, type DatasetRef, type LoadDatasetOptions } from './load-dataset.js';
export { cacheDirectory } from './cache-directory.js';
export { download, fileSha256, type DownloadOptions, type DownloadProgress } from './download.js';
export { replaceFile, type FileSystem } from './replace-file.js';
export { imageFolder, type ImageFolderOptions } from './image-folder.js';
export type { DecodeProgress } from './decode-images.js';
