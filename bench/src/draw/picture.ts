import { readFile } from 'node:fs/promises';
import { replaceFile } from '@convkit/data/node';
import type { Sharp } from 'sharp';
import { CommandError, messageOf } from '../errors.js';

/** Pixels of one image, [H, W, C] row major, 0 to 255: C is 1 for grey, 3 for RGB. */
export interface Pixels {
  readonly values: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
}

/** Something drawn over an image, in its pixels: (0, 0) is the upper left corner of the first. */
export type Mark =
  | { readonly kind: 'box'; readonly corners: readonly [x1: number, y1: number, x2: number, y2: number]; readonly colour: string }
  | { readonly kind: 'line'; readonly points: readonly (readonly [x: number, y: number])[]; readonly colour: string }
  | { readonly kind: 'dot'; readonly at: readonly [x: number, y: number]; readonly colour: string };

export interface Panel {
  readonly image: Pixels;
  readonly marks?: readonly Mark[];
}

/** Rows of panels. */
export interface Picture {
  readonly rows: readonly (readonly Panel[])[];
  /** Sides of one image pixel. */
  readonly scale: number;
}

/** Okabe and Ito's colours without black, which most people can tell apart, and three more. */
export const COLOURS = ['#e69f00', '#56b4e9', '#009e73', '#f0e442', '#0072b2', '#d55e00', '#cc79a7', '#aaaaaa', '#882255', '#99ff66'] as const;

/** The colour of the n-th thing. */
export const colourOf = (n: number): string => COLOURS[n % COLOURS.length] as string;

type SharpModule = typeof import('sharp')['default'];

/** Between panels and around them, in pixels of the picture. */
const GAP = 8;

/** As many as a large screen has four times over: a typing error in --scale must not take all memory. */
const MAX_PIXELS = 2 ** 25;

/** The library that reads, scales, draws and writes; other commands do without it. @throws CommandError (environment) when it is not installed. */
export async function openDrawing(): Promise<SharpModule> {
  try {
    return (await import('sharp')).default;
  } catch (error) {
    throw new CommandError('environment', `pictures are drawn by the package sharp, which cannot be loaded (${messageOf(error).split('\n')[0]})`, 'npm install sharp');
  }
}

/** Reads a PNG or JPEG as RGB. @throws CommandError (input) naming the file. */
export async function readPixels(sharp: SharpModule, file: string, shown: string): Promise<Pixels> {
  try {
    const bytes = await readFile(file);
    const isPng = bytes[0] === 0x89 && bytes[1] === 0x50;
    if (!isPng && !(bytes[0] === 0xff && bytes[1] === 0xd8)) throw new Error('it is neither a PNG nor a JPEG');
    const { data, info } = await sharp(bytes, { limitInputPixels: MAX_PIXELS }).flatten({ background: '#ffffff' }).toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
    if (info.channels !== 3) throw new Error(`it decodes to ${info.channels} channels`);
    return { values: data, height: info.height, width: info.width, channels: 3 };
  } catch (error) {
    throw new CommandError('input', `the image ${shown} cannot be read: ${messageOf(error)}`);
  }
}

function pathOf(points: readonly (readonly [number, number])[], scale: number): string {
  return points.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${(x * scale).toFixed(2)} ${(y * scale).toFixed(2)}`).join(' ');
}

/** A mark as SVG: boxes and dots with a dark rim, so that they show on any ground. */
function svgOf(mark: Mark, scale: number): string {
  if (mark.kind === 'line') return `<path d="${pathOf(mark.points, scale)}" fill="none" stroke="${mark.colour}" stroke-width="1.2"/>`;
  if (mark.kind === 'dot') {
    const [x, y] = mark.at;
    return `<circle cx="${(x * scale).toFixed(2)}" cy="${(y * scale).toFixed(2)}" r="3.5" fill="${mark.colour}" stroke="#000" stroke-width="1"/>`;
  }
  const [x1, y1, x2, y2] = mark.corners;
  const outline = pathOf([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], scale);
  return `<path d="${outline} Z" fill="none" stroke="#000" stroke-width="4" stroke-opacity=".55"/><path d="${outline} Z" fill="none" stroke="${mark.colour}" stroke-width="2"/>`;
}

/** One panel: its image enlarged pixel by pixel, its marks on top, cut at the image's border. */
async function panelPng(sharp: SharpModule, { image: { values, height, width, channels }, marks = [] }: Panel, scale: number): Promise<Buffer> {
  const enlarged = sharp(values, { raw: { height, width, channels } }).resize({ height: height * scale, width: width * scale, kernel: 'nearest', fit: 'fill' });
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width * scale}" height="${height * scale}">${marks.map((mark) => svgOf(mark, scale)).join('')}</svg>`;
  const base = await enlarged.toColourspace('srgb').png().toBuffer();
  return marks.length === 0 ? base : sharp(base).composite([{ input: Buffer.from(svg) }]).png().toBuffer();
}

/** The picture as the bytes of a PNG, panels on white with gaps between them. @throws CommandError (usage) for one of too many pixels. */
export async function drawPicture(sharp: SharpModule, { rows, scale }: Picture): Promise<{ bytes: Uint8Array; width: number; height: number }> {
  const heights = rows.map((row) => Math.max(...row.map(({ image }) => image.height)) * scale);
  const height = heights.reduce((sum, n) => sum + n + GAP, GAP);
  const width = Math.max(...rows.map((row) => row.reduce((sum, { image }) => sum + image.width * scale + GAP, GAP)));
  if (width * height > MAX_PIXELS) throw new CommandError('usage', `--scale must be less: the picture would have ${width} x ${height} pixels`);
  const placed: { input: Buffer; left: number; top: number }[] = [];
  let top = GAP;
  for (const [i, row] of rows.entries()) {
    let left = GAP;
    for (const panel of row) {
      placed.push({ input: await panelPng(sharp, panel, scale), left, top });
      left += panel.image.width * scale + GAP;
    }
    top += (heights[i] as number) + GAP;
  }
  const canvas: Sharp = sharp({ create: { width, height, channels: 3, background: '#ffffff' } });
  return { bytes: await canvas.composite(placed).png({ compressionLevel: 9 }).toBuffer(), width, height };
}

/** Writes a picture, whole or not at all. @throws CommandError (environment) where it cannot be written. */
export async function writePicture(file: string, shown: string, bytes: Uint8Array): Promise<void> {
  await replaceFile(file, bytes).catch((error: unknown) => {
    throw new CommandError('environment', `the picture could not be written to ${shown}: ${messageOf(error)}`);
  });
}

/** Image n of a set. */
export function pixelsOf(images: Uint8Array, n: number, [height, width, channels]: readonly [number, number, number]): Pixels {
  const size = height * width * channels;
  return { values: images.slice(n * size, (n + 1) * size), height, width, channels: channels as 1 | 3 };
}

/** Numbers from 0 to 1 as pixels, cut to that range. */
export function pixelsFrom(values: Float32Array, [height, width, channels]: readonly [number, number, number]): Pixels {
  return { values: Uint8Array.from(values, (value) => Math.round(255 * Math.min(Math.max(value, 0), 1))), height, width, channels: channels as 1 | 3 };
}
