import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { packTar, type TarEntry } from 'modern-tar';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DataError } from './index.js';
import { imageFolder, loadDataset, type DecodeProgress, type ImageFolderOptions } from './node.js';

const failure = async (promise: Promise<unknown>): Promise<DataError> => {
  const error = await promise.then(() => undefined, (e: unknown) => e);
  expect(error).toBeInstanceOf(DataError);
  return error as DataError;
};

/** One colour all over. */
const plain = (background: { r: number; g: number; b: number }, width = 4, height = 3) => sharp({ create: { width, height, channels: 3, background } });
const png = (value: number, width = 4, height = 3) => plain({ r: value, g: 2, b: 3 }, width, height).png().toBuffer();

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'convkit-data-test-'))));
afterEach(() => rm(folder, { recursive: true, force: true }));
const root = () => join(folder, 'set');
const store = async (path: string, content: Uint8Array | string) => {
  await mkdir(dirname(join(root(), path)), { recursive: true });
  await writeFile(join(root(), path), content);
};
const load = (options: ImageFolderOptions = {}, path = root()) => imageFolder(path, { cacheDirectory: join(folder, 'cache'), ...options });

/** Two classes with two images for training and one for testing. */
async function storeLittle(): Promise<void> {
  for (const [path, value] of [['train/dog/b.png', 20], ['train/dog/a.png', 10], ['train/cat/1.png', 30], ['train/cat/2.PNG', 40], ['test/cat/1.png', 50], ['test/dog/1.png', 60]] as const) {
    await store(path, await png(value));
  }
}
const reds = (images: Uint8Array) => [...images].filter((_, i) => i % 36 === 0);

async function tarOf(entries: readonly TarEntry[], name = 'little.tar.gz'): Promise<string> {
  const path = join(folder, name);
  const bytes = await packTar(entries);
  await writeFile(path, name.endsWith('gz') ? gzipSync(bytes) : bytes);
  return path;
}
const entry = (name: string, body: Uint8Array): TarEntry => ({ header: { name, size: body.length }, body: new Uint8Array(body) });

describe('a folder of images', () => {
  test('becomes a data set: classes in the order of bytes, records in the order of paths', async () => {
    await storeLittle();
    await store('train/.DS_Store', 'x');
    const progress: DecodeProgress[] = [];
    const set = await load({ onDecode: (p) => progress.push(p) });
    expect(set).toMatchObject({ name: 'set', classNames: ['cat', 'dog'], imageShape: [3, 4, 3], source: root(), train: { size: 4 }, test: { size: 2 } });
    expect([...set.train.labels, ...set.test.labels]).toEqual([0, 0, 1, 1, 0, 1]);
    expect([...reds(set.train.images), ...reds(set.test.images)]).toEqual([30, 40, 10, 20, 50, 60]);
    expect(set.train.images.subarray(0, 3)).toEqual(Uint8Array.from([30, 2, 3]));
    expect(set.note).toBeUndefined();
    expect(progress.at(-1)).toEqual({ done: 6, total: 6 });
  });

  test('is the same set as an archive, plain or gzipped, also with a folder around it', async () => {
    await storeLittle();
    const names = (await readdir(root(), { recursive: true, withFileTypes: true })).filter((x) => x.isFile()).map((x) => join(x.parentPath, x.name));
    const entries = await Promise.all(names.map(async (name) => entry(`./around${name.slice(root().length)}`, await readFile(name))));
    const { sha256 } = await load();
    for (const name of ['little.tar.gz', 'little.tar']) {
      const set = await loadDataset(await tarOf(entries, name), { cacheDirectory: join(folder, 'cache') });
      expect(set).toMatchObject({ name: 'little', sha256 });
    }
  });

  test('without train and test gives a share of every class to testing, the same for a seed', async () => {
    for (let i = 0; i < 10; i++) await store(`${i % 2 ? 'odd' : 'even'}/${i}.png`, await png(i));
    const set = await load({ testShare: 0.4, seed: 3 });
    expect([set.train.size, [...set.test.labels].sort()]).toEqual([6, [0, 0, 1, 1]]);
    expect([...reds(set.train.images), ...reds(set.test.images)].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect((await load({ testShare: 0.4, seed: 3, cache: false })).sha256).toBe(set.sha256);
    expect((await failure(load({ testShare: 0.01 }))).message).toContain('testShare 0.01 takes 0 of 10 images');
    expect((await load({ testShare: 0.4, seed: 4 })).sha256).not.toBe(set.sha256);
  });

  test('reads JPEG and grey images; grey beside colour only when channels says which', async () => {
    await store('a/1.jpg', await plain({ r: 200, g: 100, b: 50 }).jpeg({ quality: 100, chromaSubsampling: '4:4:4' }).toBuffer());
    await store('b/1.jpeg', await plain({ r: 90, g: 90, b: 90 }).toColourspace('b-w').jpeg({ quality: 100 }).toBuffer());
    const error = await failure(load());
    expect(error.code).toBe('ERR_DATA_IMAGE');
    expect(error.message).toMatch(/1\.jpeg: has 3 x 4 x 1 .* but a\/1\.jpg has 3 x 4 x 3; the option channels/);
    const colour = await load({ channels: 3, testShare: 0.5 });
    expect(colour.imageShape).toEqual([3, 4, 3]);
    const grey = await load({ channels: 1, testShare: 0.5 });
    expect(grey.imageShape).toEqual([3, 4, 1]);
    // 0.299 * 200 + 0.587 * 100 + 0.114 * 50 = 124.2, and JPEG is off by one at most here.
    const values = [grey.train.images[0] ?? 0, grey.test.images[0] ?? 0].sort((a, b) => a - b);
    expect(Math.abs(values[0]! - 90)).toBeLessThanOrEqual(1);
    expect(Math.abs(values[1]! - 124)).toBeLessThanOrEqual(2);
  });

  test('ignores the orientation in EXIF data', async () => {
    for (const name of ['a', 'b']) await store(`${name}/1.jpg`, await plain({ r: 1, g: 2, b: 3 }).withMetadata({ orientation: 6 }).jpeg().toBuffer());
    expect((await load({ testShare: 0.5 })).imageShape).toEqual([3, 4, 3]);
  });

  test('of several sizes names two of them, and scales with imageSize', async () => {
    await storeLittle();
    await store('train/dog/large.png', await png(70, 8, 8));
    expect((await failure(load())).message).toMatch(/large\.png: has 8 x 8 x 3 .* but test\/cat\/1\.png has 3 x 4 x 3; the option imageSize/);
    expect((await load({ imageSize: [2, 5] })).imageShape).toEqual([2, 5, 3]);
  });
});

describe('files that are no usable images', () => {
  test.each([
    ['text', async () => 'this is text', 'is neither a JPEG nor a PNG image'],
    ['a vector image', async () => '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="3"/>', 'is neither a JPEG nor a PNG image'],
    ['nothing', async () => '', 'is empty'],
    ['a cut JPEG', async () => (await plain({ r: 9, g: 9, b: 9 }).jpeg().toBuffer()).subarray(0, -10), 'cannot be decoded'],
    ['CMYK', () => plain({ r: 9, g: 9, b: 9 }).toColourspace('cmyk').jpeg().toBuffer(), 'is in CMYK'],
    ['alpha', () => plain({ r: 9, g: 9, b: 9 }).ensureAlpha(0.5).png().toBuffer(), 'has an alpha channel'],
    ['16 bits', () => plain({ r: 9, g: 9, b: 9 }).toColourspace('rgb16').png().toBuffer(), 'has more than 8 bits'],
    ['60000 x 60000 announced', async () => {
      const bytes = await png(1);
      bytes.writeUInt32BE(60_000, 16);
      bytes.writeUInt32BE(60_000, 20);
      return bytes;
    }, /60000 x 60000 pixels|cannot be decoded/],
  ])('are refused by name with their number, or left out and counted: %s', async (_, make, reason) => {
    await storeLittle();
    await store('train/dog/bad.jpg', await make());
    const error = await failure(load());
    expect(error.code).toBe('ERR_DATA_IMAGE');
    expect(error.message).toContain('1 of 7 files cannot be used as images:\n  train/dog/bad.jpg');
    expect(error.message).toMatch(reason);
    const set = await load({ unusable: 'skip' });
    expect(set.train.size).toBe(4);
    expect(set.note).toContain('1 of 7 files are left out:\n  train/dog/bad.jpg');
  });

  test('are files at other places and links', async () => {
    await storeLittle();
    await store('README.md', 'hello');
    await store('train/dog/deep/1.png', await png(1));
    await store('extra/cat/1.png', await png(1));
    await symlink(join(root(), 'train/dog/a.png'), join(root(), 'train/dog/link.png'));
    await symlink(root(), join(root(), 'train/dog/loop'));
    expect((await failure(load())).message).toMatch(/5 of 11 files cannot.*README\.md is in none of.*extra\/cat\/1\.png is in none.*deep\/1\.png is in a folder below.*link\.png is a link.*loop is a link/s);
  });
});

describe('a layout that is none', () => {
  test.each([
    ['no class', ['note.txt'], 'ERR_DATA_COUNT', 'holds no folder of a class'],
    ['one class', ['dog/1.png', 'dog/2.png'], 'ERR_DATA_COUNT', 'must have at least 2 classes, has only dog'],
    ['a class without images', ['train/cat/1.png', 'train/dog/.keep', 'train/emu/1.png'], 'ERR_DATA_COUNT', 'class dog has no images in train'],
    ['a class that is only in test', ['train/cat/1.png', 'train/dog/1.png', 'test/fox/1.png'], 'ERR_DATA_FORMAT', 'class fox is in test, but not in train'],
    ['257 classes', Array.from({ length: 257 }, (_, i) => `c${i}/1.png`), 'ERR_DATA_LIMIT', 'at most 256 classes, has 257'],
  ])('is refused: %s', async (_, paths, code, message) => {
    for (const path of paths) await store(path, 'x');
    const error = await failure(load());
    expect(error.message).toContain(message);
    expect(error.code).toBe(code);
  });

  test('is refused where there is nothing, or no archive', async () => {
    expect((await failure(load({}, join(folder, 'nowhere')))).code).toBe('ERR_DATA_NOT_FOUND');
    const zip = join(folder, 'set.tar');
    await writeFile(zip, 'PK\x03\x04 and so on');
    expect((await failure(load({}, zip))).message).toMatch(/must be a folder or a tar archive .* this is a zip archive/);
    await writeFile(zip, Buffer.alloc(2000, 7));
    expect((await failure(load({}, zip))).code).toBe('ERR_DATA_FORMAT');
  });
});

describe('an archive', () => {
  test.each(['../dog/1.png', '/etc/1.png', 'train/../../1.png', 'C:/1.png', 'train\\..\\1.png'])('with an entry that leads out is refused: %s', async (name) => {
    const path = await tarOf([entry('cat/1.png', await png(1)), entry(name, await png(2))], 'evil.tar');
    const error = await failure(load({ unusable: 'skip' }, path));
    expect([error.code, error.message]).toEqual(['ERR_DATA_FORMAT', expect.stringContaining('leads out of the archive')]);
  });

  test('with one file twice, or cut off, is refused; its links are not followed', async () => {
    const [one, two] = [entry('cat/1.png', await png(1)), entry('dog/1.png', await png(2))];
    expect((await failure(load({}, await tarOf([one, two, one])))).message).toContain('cat/1.png is there twice');
    const link: TarEntry = { header: { name: 'dog/2.png', size: 0, type: 'symlink', linkname: '/etc/passwd' } };
    expect((await failure(load({}, await tarOf([one, two, link])))).message).toContain('dog/2.png is a link');
    const whole = await readFile(await tarOf([one, two]));
    await writeFile(join(folder, 'cut.tar.gz'), whole.subarray(0, whole.length - 60));
    expect((await failure(load({}, join(folder, 'cut.tar.gz')))).code).toBe('ERR_DATA_FORMAT');
  });
});

describe('decoded pixels', () => {
  const kept = async () => (await readdir(join(folder, 'cache/images'))).map((name) => join(folder, 'cache/images', name));

  test('are kept: the second time nothing is decoded', async () => {
    await storeLittle();
    const first = await load();
    let calls = 0;
    expect(await load({ onDecode: () => calls++ })).toEqual(first);
    expect(calls).toBe(0);
    expect(await kept()).toHaveLength(1);
  });

  test('are decoded anew when a file changes', async () => {
    await storeLittle();
    const before = await load();
    await store('train/dog/a.png', await png(11));
    expect((await load()).sha256).not.toBe(before.sha256);
  });

  test.each([
    ['a flipped bit', (bytes: Buffer) => Buffer.from(bytes.map((byte, i) => (i === bytes.length - 5 ? byte ^ 1 : byte)))],
    ['a cut', (bytes: Buffer) => bytes.subarray(0, 100)],
    ['nothing left', () => Buffer.alloc(0)],
  ])('that were damaged are not used, and written anew: %s', async (_, damage) => {
    await storeLittle();
    const { sha256 } = await load();
    const [file] = await kept();
    await writeFile(file!, damage(await readFile(file!)));
    const again = await load();
    expect(again.sha256).toBe(sha256);
    expect(again.note).toMatch(/was damaged and is written anew/);
    expect((await load()).note).toBeUndefined();
  });

  test('that cannot be kept are used all the same', async () => {
    await storeLittle();
    await writeFile(join(folder, 'cache'), 'a file where a folder should be');
    expect((await load()).note).toMatch(/decoded images cannot be kept/);
  });
});
