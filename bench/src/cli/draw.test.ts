import '@tensorflow/tfjs-backend-cpu';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import * as tf from '@tensorflow/tfjs-core';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { main } from './main.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'convkit draw '));
  const values = Uint8Array.from({ length: 20 * 10 * 3 }, (_, i) => (i % 30 < 15 ? 40 : 200));
  await writeFile(join(folder, 'photo.png'), await sharp(values, { raw: { width: 20, height: 10, channels: 3 } }).png().toBuffer());
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function run(...argv: string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await main(['draw', ...argv], { stdout, stderr, cwd: folder, env: {}, signal: new AbortController().signal });
  return { code, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') };
}

/** [r, g, b] of a pixel of a picture that was written. */
async function pixel(file: string, x: number, y: number): Promise<number[]> {
  const { data, info } = await sharp(join(folder, file)).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return [...data.subarray((y * info.width + x) * info.channels, (y * info.width + x + 1) * info.channels)];
}

describe('convkit draw', () => {
  it('draws boxes on an image of one\'s own, in its pixels', async () => {
    const { code, out, err } = await run('boxes', '--image', 'photo.png', '--boxes', '2,3,8,9;10,1,19,9', '--scale', '10', '--out', 'boxes.png');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toBe('boxes.png: 216 x 116\n');
    // A gap of 8 around; the first box, orange, at 20, 30; the image between.
    expect(await pixel('boxes.png', 8 + 20, 8 + 60)).toEqual([0xe6, 0x9f, 0x00]);
    expect(await pixel('boxes.png', 8 + 100, 8 + 50)).toEqual([0x56, 0xb4, 0xe9]);
    expect(await pixel('boxes.png', 8 + 50, 8 + 60)).toEqual([200, 200, 200]);
    expect(await pixel('boxes.png', 2, 2)).toEqual([255, 255, 255]);
  });

  it('draws images of the shapes set and says what the colours stand for', async () => {
    const { code, out } = await run('boxes', '--count', '2', '--size', '32', '--scale', '2', '--out', 'shapes.png', '--json');
    expect(code).toBe(0);
    const report = JSON.parse(out) as { width: number; height: number; boxes: number; legend: string[] };
    expect(report).toMatchObject({ file: 'shapes.png', width: 152, height: 80 });
    expect(report.boxes).toBeGreaterThanOrEqual(2);
    expect(report.legend[0]).toMatch(/^#[0-9a-f]{6} \w+/);
  });

  it('draws as many anchors as a cell of the map has', async () => {
    expect(JSON.parse((await run('anchors', '--detector', 'ssd300', '--map', '2', '--cells', '0,0;9,9', '--out', 'a.png', '--json')).out)).toMatchObject({ boxes: 12, map: [19, 19], width: 316 });
    expect(JSON.parse((await run('anchors', '--detector', 'retinanet', '--map', '5', '--out', 'b.png', '--json')).out)).toMatchObject({ boxes: 9, map: [4, 4] });
    expect(JSON.parse((await run('anchors', '--detector', 'tinySsd', '--map', '5', '--out', 'c.png', '--json')).out)).toMatchObject({ boxes: 4, map: [1, 1] });
  });

  it('draws where a map looks beside what it sees', async () => {
    const before = tf.memory().numTensors;
    expect(await run('grid', '--image', 'photo.png', '--theta', '-1,0,0,0,1,0', '--scale', '4', '--out', 'mirrored.png')).toMatchObject({ code: 0, out: 'mirrored.png: 184 x 56\n' });
    // Mirrored: the light half is on the left now.
    expect(await pixel('mirrored.png', 8 + 80 + 8 + 4, 8 + 2)).toEqual([200, 200, 200]);
    expect(await run('grid', '--bend', '0.2', '--control-points', '3', '--out', 'bent.png')).toMatchObject({ code: 0 });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('trains two autoencoders and draws what they put together', async () => {
    const { code, out, err } = await run('reconstruct', '--data', 'shapes', '--engine', 'onnxruntime', '--steps', '2', '--count', '3', '--scale', '2', '--out', 'made.png', '--json');
    expect(code, err).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ width: 3 * 72 + 8, height: 3 * 72 + 8, steps: 2, errors: [{ where: 'hard' }, { where: 'none' }] });
  });

  it.each<[string, string[], number, RegExp]>([
    ['no file', ['boxes'], 2, /--out/],
    ['another kind of file', ['boxes', '--out', 'a.jpg'], 2, /--out must end in \.png, got "a\.jpg"/],
    ['a folder that is not there', ['boxes', '--out', 'no/a.png'], 2, /--out must be inside an existing folder, no does not exist/],
    ['a file that is there', ['boxes', '--out', 'photo.png'], 2, /photo\.png is\n--force replaces it/],
    ['an image without boxes', ['boxes', '--image', 'photo.png', '--out', 'a.png'], 2, /--image and --boxes must be given together/],
    ['a box of three numbers', ['boxes', '--image', 'photo.png', '--boxes', '1,2,3', '--out', 'a.png'], 2, /--boxes must be x1,y1,x2,y2 in pixels, got "1,2,3"/],
    ['a box that is turned over', ['boxes', '--image', 'photo.png', '--boxes', '5,2,3,9', '--out', 'a.png'], 2, /x1 < x2 and y1 < y2, got 5,2,3,9/],
    ['a box beside the image', ['boxes', '--image', 'photo.png', '--boxes', '30,2,33,9', '--out', 'a.png'], 2, /must lie on the image of 20 x 10 pixels/],
    ['an image that is not there', ['boxes', '--image', 'none.png', '--boxes', '1,2,3,4', '--out', 'a.png'], 3, /the image none\.png cannot be read: ENOENT/],
    ['a text as an image', ['grid', '--image', 'text.png', '--bend', '0.1', '--out', 'a.png'], 3, /the image text\.png cannot be read: it is neither a PNG nor a JPEG/],
    ['a cell outside the map', ['anchors', '--detector', 'tinySsd', '--map', '4', '--cells', '4,0', '--out', 'a.png'], 2, /--cells must be rows and columns of a 4 x 4 map, counted from 0, got 4,0/],
    ['a map too many', ['anchors', '--detector', 'tinySsd', '--map', '6', '--out', 'a.png'], 2, /--map must be an integer from 1 to 5 for tinySsd, got 6/],
    ['an image of another size', ['anchors', '--detector', 'ssd300', '--image', 'photo.png', '--out', 'a.png'], 2, /--image must have 300 x 300 pixels for ssd300, got 20 x 10/],
    ['a misspelt detector', ['anchors', '--detector', 'ssd30', '--out', 'a.png'], 2, /did you mean ssd300/],
    ['no map and no spline', ['grid', '--out', 'a.png'], 2, /one of --theta and --bend must be given, got neither/],
    ['an image of two million pixels', ['grid', '--image', 'large.png', '--bend', '0.1', '--out', 'a.png'], 2, /--image must have at most 1048576 pixels, got 2000 x 1000/],
    ['five numbers', ['grid', '--theta', '1,0,0,0,1', '--out', 'a.png'], 2, /--theta must be six numbers, got "1,0,0,0,1"/],
    ['a picture that is too large', ['boxes', '--count', '16', '--size', '512', '--scale', '64', '--out', 'a.png'], 2, /--scale must be less: the picture would have/],
  ])('refuses %s and writes nothing', async (_, argv, code, message) => {
    await writeFile(join(folder, 'text.png'), 'no image');
    await sharp({ create: { width: 2000, height: 1000, channels: 3, background: '#888888' } }).png().toFile(join(folder, 'large.png'));
    const before = await readdir(folder);
    const result = await run(...argv);
    expect(result).toMatchObject({ code, out: '' });
    expect(result.err).toMatch(message);
    expect(await readdir(folder)).toEqual(before);
  });

  it('replaces a file only when told to', async () => {
    const before = await readFile(join(folder, 'photo.png'));
    expect(await run('boxes', '--size', '16', '--count', '1', '--objects', '1', '--out', 'photo.png', '--force')).toMatchObject({ code: 0 });
    expect(await readFile(join(folder, 'photo.png'))).not.toEqual(before);
  });

  it('says what to install where sharp is missing', async () => {
    vi.doMock('sharp', () => { throw new Error('Cannot find package \'sharp\''); });
    const result = await run('boxes', '--out', 'a.png');
    vi.doUnmock('sharp');
    expect(result.code).toBe(4);
    expect(result.err).toMatch(/pictures are drawn by the package sharp, which cannot be loaded \(.*\)\nnpm install sharp/);
  });
});
