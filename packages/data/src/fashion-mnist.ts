/**
 * Fashion-MNIST: 60,000 + 10,000 grey 28x28 images of 10 kinds of clothing.
 * H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms",
 * arXiv:1708.07747, 2017. Data: MIT licence, Zalando SE, https://github.com/zalandoresearch/fashion-mnist
 */
import { checkOptions, oneOfOption, textOption } from './check-options.js';
import { fastSha256Hex, listingSha256 } from './content-hash.js';
import { DataError } from './data-error.js';
import { checkSplit, type ImageDataset, type ImageSplit } from './dataset.js';
import { parseIdx, unpackIdx, type IdxArray } from './idx.js';

/** The four files of a data set of the MNIST family. */
export type IdxPart = 'trainImages' | 'trainLabels' | 'testImages' | 'testLabels';

/** What is known about one file: its name without `.gz`, and the size and SHA-256 of its UNPACKED content. */
export interface IdxFile {
  readonly part: IdxPart;
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** A data set of the MNIST family as published. */
export interface IdxDatasetSpec {
  readonly name: string;
  readonly classNames: readonly string[];
  readonly files: readonly IdxFile[];
  /** Addresses to which `<name>.gz` is appended, tried in order. */
  readonly mirrors: readonly string[];
  /** The set it is most often mixed up with (same names, same shapes), by the SHA-256 of its unpacked files. */
  readonly lookalike?: { readonly name: string; readonly sha256: readonly string[] };
}

/**
 * Sums are of the unpacked content, because the gzip files differ: Debian packs anew. They were computed from the files of
 * Debian's dataset-fashion-mnist (0.0~git20200523), and that package holds what the authors publish: its t10k-labels
 * stream with the file name and time of 2017-08-31 put back into the gzip header has the MD5 of the authors' README
 * (bb300cfdad3c16e7a12a480ee83cd310).
 */
export const FASHION_MNIST: IdxDatasetSpec = {
  name: 'fashion-mnist',
  classNames: ['T-shirt/top', 'Trouser', 'Pullover', 'Dress', 'Coat', 'Sandal', 'Shirt', 'Sneaker', 'Bag', 'Ankle boot'],
  files: [
    { part: 'trainImages', name: 'train-images-idx3-ubyte', bytes: 47_040_016, sha256: 'c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888' },
    { part: 'trainLabels', name: 'train-labels-idx1-ubyte', bytes: 60_008, sha256: 'bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9' },
    { part: 'testImages', name: 't10k-images-idx3-ubyte', bytes: 7_840_016, sha256: '5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b' },
    { part: 'testLabels', name: 't10k-labels-idx1-ubyte', bytes: 10_008, sha256: '0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34' },
  ],
  mirrors: [
    'https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/',
    // The address of the authors' README; plain http is harmless for content that is checked by SHA-256.
    'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/',
  ],
  // The sums that public projects pin for the unpacked MNIST files; several independent ones agree.
  lookalike: {
    name: 'MNIST',
    sha256: [
      'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db', '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
      '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7', 'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
    ],
  },
};

export interface AssembleOptions {
  /** Content that is not the published one: refuse it (default), or take it with a warning in `note` and "(unverified)" in the name. */
  readonly unknown?: 'refuse' | 'warn';
  /** Text for `source`. Default: "bytes given by the caller". */
  readonly source?: string;
}

const RULES = { unknown: oneOfOption(['refuse', 'warn']), source: textOption };

/**
 * Makes the data set out of its four files, gzipped or plain, after checking sums, shapes, counts and labels. Works in browsers.
 * @throws DataError ERR_DATA_CHECKSUM for content that is not the published one: always when it is MNIST's or when only some
 *   files are right (a mix), otherwise unless `unknown` is 'warn'; and what `readIdx` and `checkSplit` throw.
 */
export async function fashionMnist(files: Readonly<Record<IdxPart, Uint8Array>>, options: AssembleOptions = {}): Promise<ImageDataset & { note?: string }> {
  return assembleIdxDataset(FASHION_MNIST, files, options);
}

/** `fashionMnist` for any set of the family. */
export async function assembleIdxDataset(spec: IdxDatasetSpec, files: Readonly<Record<IdxPart, Uint8Array>>, options: AssembleOptions = {}): Promise<ImageDataset & { note?: string }> {
  const { unknown = 'refuse', source = 'bytes given by the caller' } = checkOptions(spec.name, RULES, options);
  const parts = new Map<IdxPart, { array: IdxArray; file: IdxFile; sha256: string }>();
  for (const file of spec.files) {
    const readOptions = { file: file.name, type: 'uint8', rank: file.part.endsWith('Images') ? 3 : 1 } as const;
    const bytes = await unpackIdx(files[file.part], readOptions);
    parts.set(file.part, { array: parseIdx(bytes, readOptions), file, sha256: await fastSha256Hex(bytes) });
  }
  const known = checkSums(spec, [...parts.values()], unknown);
  const train = pair(parts, 'trainImages', 'trainLabels', spec.classNames.length);
  const test = pair(parts, 'testImages', 'testLabels', spec.classNames.length);
  if (train.shape.join() !== test.shape.join()) {
    throw new DataError('ERR_DATA_FORMAT', `train images of ${train.shape.join(' x ')} do not go with test images of ${test.shape.join(' x ')}`, { file: source });
  }
  return {
    name: known ? spec.name : `${spec.name} (unverified)`,
    classNames: spec.classNames,
    imageShape: [...train.shape, 1],
    train: train.split,
    test: test.split,
    sha256: listingSha256([...parts.values()].map(({ file, sha256 }) => ({ name: file.name, sha256 }))),
    source,
    ...(!known && { note: `${spec.name}: none of the files from ${source} has the published content; results are not comparable with others'` }),
  };
}

function checkSums(spec: IdxDatasetSpec, parts: readonly { file: IdxFile; sha256: string }[], unknown: 'refuse' | 'warn'): boolean {
  const wrong = parts.filter(({ file, sha256 }) => sha256 !== file.sha256);
  const [first] = wrong;
  if (!first) return true;
  const lookalike = parts.find(({ sha256 }) => spec.lookalike?.sha256.includes(sha256));
  if (unknown === 'warn' && wrong.length === parts.length && !lookalike) return false;
  const culprit = lookalike ?? first;
  const mixed = wrong.length < parts.length;
  const reason = lookalike ? `; this is the file of ${spec.lookalike?.name}`
    : mixed ? `; the other files are right, so this one is damaged or of another set (${wrong.map(({ file }) => file.name).join(', ')})` : '';
  throw new DataError('ERR_DATA_CHECKSUM', `content is not that of ${spec.name}: its SHA-256 must be ${culprit.file.sha256}, got ${culprit.sha256}${reason}`, { file: culprit.file.name });
}

function pair(parts: ReadonlyMap<IdxPart, { array: IdxArray; file: IdxFile }>, imagesPart: IdxPart, labelsPart: IdxPart, classes: number): { split: ImageSplit; shape: readonly [number, number] } {
  const [images, labels] = [parts.get(imagesPart), parts.get(labelsPart)];
  if (images?.array.type !== 'uint8' || labels?.array.type !== 'uint8') throw new DataError('ERR_DATA_FORMAT', 'images and labels must be uint8');
  const [size = 0, height = 0, width = 0] = images.array.dims;
  checkSplit({ imageCount: size, labels: labels.array.data, imagesFile: images.file.name, labelsFile: labels.file.name }, classes);
  if (height * width === 0) throw new DataError('ERR_DATA_FORMAT', `images must have pixels, got ${height} x ${width}`, { file: images.file.name });
  return { split: { images: images.array.data, labels: labels.array.data, size }, shape: [height, width] };
}
