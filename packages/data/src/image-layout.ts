import { extname } from 'node:path';
import { DataError, printable } from './data-error.js';
import type { SourceEntry } from './image-source.js';

/** One image file and what it is an image of. */
export interface PlacedFile {
  readonly path: string;
  readonly split: 'train' | 'test';
  readonly label: number;
}

/** A file that is not used, and why. */
export interface UnusableFile {
  readonly path: string;
  readonly reason: string;
}

/** How a folder is a data set. */
export interface ImageLayout {
  /** Sorted by bytes, so that labels are the same on every file system. */
  readonly classNames: readonly string[];
  /** In the order of the records: by split, class and name. */
  readonly files: readonly PlacedFile[];
  readonly unusable: readonly UnusableFile[];
  /** Whether there are test images; otherwise all of `files` are train's. */
  readonly divided: boolean;
}

const IMAGE_NAMES = new Set(['.jpg', '.jpeg', '.png']);
/** One encoded image; the largest photographs are some tens of megabytes. */
const MAX_FILE_BYTES = 256 * 2 ** 20;
const TRAIN = ['train', 'training'];
const TEST = ['test', 'testing', 'val', 'valid', 'validation'];

/** Order of UTF-8 bytes. */
export function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/**
 * Reads `train/<class>/<image>` with `test/<class>/<image>` (or `val/...`), or `<class>/<image>`; a single folder around it all
 * does not count, nor do hidden files and Thumbs.db. Anything else is listed in `unusable`.
 * @throws DataError ERR_DATA_FORMAT for two files of one path or test folders of unknown classes, ERR_DATA_COUNT when there is
 *   no image, a class without images or one class only, ERR_DATA_LIMIT above 256 classes.
 */
export function arrangeImages(entries: readonly SourceEntry[], location: string): ImageLayout {
  const parted = entries.map((entry) => ({ ...entry, parts: entry.path.split('/') })).filter(({ parts }) => !parts.some(isHidden));
  refuseDuplicates(parted, location);
  const skip = wrappers(parted);
  const inside = parted.map((entry) => ({ ...entry, parts: entry.parts.slice(skip) })).filter(({ parts }) => parts.length > 0);
  const top = new Set(inside.filter(({ kind }) => kind === 'directory').map(({ parts }) => parts[0] ?? '').concat(inside.filter(({ parts }) => parts.length > 1).map(({ parts }) => parts[0] ?? '')));
  const trainFolder = TRAIN.find((name) => top.has(name));
  const testFolder = trainFolder === undefined ? undefined : TEST.find((name) => top.has(name));
  const depth = trainFolder === undefined ? 1 : 2;

  const unusable: UnusableFile[] = [];
  const placed: { path: string; split: 'train' | 'test'; className: string }[] = [];
  const classes = { train: new Map<string, number>(), test: new Map<string, number>() };
  for (const { path, parts, kind, size } of inside) {
    const split = trainFolder === undefined || parts[0] === trainFolder ? 'train' : parts[0] === testFolder ? 'test' : undefined;
    const className = parts[depth - 1];
    if (kind === 'directory' && parts.length < depth) continue;
    if (split !== undefined && className !== undefined && (parts.length > depth || kind === 'directory')) classes[split].set(className, classes[split].get(className) ?? 0);
    if (kind === 'directory') continue;
    const reason = whyUnusable({ kind, size, path }, split, parts.length - depth);
    if (reason !== undefined) unusable.push({ path, reason });
    else if (split !== undefined && className !== undefined) {
      classes[split].set(className, (classes[split].get(className) ?? 0) + 1);
      placed.push({ path, split, className });
    }
  }
  const classNames = [...classes.train.keys()].sort(byBytes);
  checkClasses(classNames, classes, location);
  const labels = new Map(classNames.map((name, label) => [name, label]));
  const files = placed.map(({ path, split, className }) => ({ path, split, label: labels.get(className) ?? 0 }));
  files.sort((a, b) => (a.split === b.split ? byBytes(a.path, b.path) : a.split === 'train' ? -1 : 1));
  return { classNames, files, unusable: unusable.sort((a, b) => byBytes(a.path, b.path)), divided: testFolder !== undefined };
}

function whyUnusable({ kind, size, path }: Pick<SourceEntry, 'kind' | 'size' | 'path'>, split: string | undefined, below: number): string | undefined {
  if (kind === 'other') return 'is a link or a device, which are not followed';
  if (split === undefined) return 'is in none of the folders train and test';
  if (below !== 1) return below < 1 ? 'is in no class folder' : 'is in a folder below a class folder';
  if (!IMAGE_NAMES.has(extname(path).toLowerCase())) return `is not named ${[...IMAGE_NAMES].join(', ')}`;
  if (size === 0) return 'is empty';
  return size > MAX_FILE_BYTES ? `has ${size} bytes, more than ${MAX_FILE_BYTES}` : undefined;
}

/** What file managers and archivers leave behind. */
function isHidden(name: string): boolean {
  return name.startsWith('.') || name === '__MACOSX' || name === 'Thumbs.db' || name === 'desktop.ini';
}

/** How many single folders there are around the set: `cifar10/train/...` has one. */
function wrappers(entries: readonly { readonly parts: readonly string[]; readonly kind: string }[]): number {
  for (let depth = 0; ; depth++) {
    const names = new Set(entries.flatMap(({ parts }) => parts[depth] ?? []));
    const [only] = names;
    const hasFolders = entries.some(({ parts, kind }) => parts.length > depth + 2 || (parts.length === depth + 2 && kind === 'directory'));
    if (names.size !== 1 || only === undefined || TRAIN.includes(only) || !hasFolders) return depth;
  }
}

function refuseDuplicates(entries: readonly SourceEntry[], location: string): void {
  const seen = new Set<string>();
  for (const { path, kind } of entries) {
    if (kind === 'directory') continue;
    if (seen.has(path)) throw new DataError('ERR_DATA_FORMAT', `${printable(path)} is there twice`, { file: location });
    seen.add(path);
  }
}

function checkClasses(classNames: readonly string[], { train, test }: Record<'train' | 'test', ReadonlyMap<string, number>>, location: string): void {
  const layout = 'wanted are train/<class>/<image> and test/<class>/<image>, or <class>/<image>';
  if (classNames.length === 0) throw new DataError('ERR_DATA_COUNT', `holds no folder of a class; ${layout}`, { file: location });
  for (const [split, counts] of [['train', train], ['test', test]] as const) {
    for (const [name, count] of counts) {
      if (count === 0) throw new DataError('ERR_DATA_COUNT', `class ${printable(name)} has no images in ${split}`, { file: location });
      if (!train.has(name)) throw new DataError('ERR_DATA_FORMAT', `class ${printable(name)} is in test, but not in train`, { file: location });
    }
  }
  if (classNames.length === 1) throw new DataError('ERR_DATA_COUNT', `must have at least 2 classes, has only ${printable(classNames[0] ?? '')}; ${layout}`, { file: location });
  if (classNames.length > 256) throw new DataError('ERR_DATA_LIMIT', `must have at most 256 classes, has ${classNames.length}`, { file: location });
}
