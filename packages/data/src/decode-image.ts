import type { Metadata } from 'sharp';
import { DataError, reasonOf } from './data-error.js';
import type { ImageShape } from './dataset.js';

/** Pixels of one image, [H, W, C] row major: C is 1 for grey, 3 for RGB. */
export interface DecodedImage {
  readonly pixels: Uint8Array;
  readonly shape: ImageShape;
}

export interface DecodeOptions {
  /** Height and width to scale to. */
  readonly size?: readonly [height: number, width: number];
  /** 1: grey; 3: RGB. Absent: as the file has them. */
  readonly channels?: 1 | 3;
}

/** Decodes one file; rejects with a plain reason why the file cannot be used. */
export type ImageDecoder = (bytes: Uint8Array, options: DecodeOptions) => Promise<DecodedImage>;

/** More pixels than any camera has; a header may announce 60000 x 60000 in a kilobyte. */
const MAX_PIXELS = 2 ** 27;

/**
 * The decoder of baseline and progressive JPEG and of PNG. The orientation in EXIF data and colour profiles are ignored, as
 * torchvision and Keras ignore them. What would need a guess is refused: CMYK, alpha, 16 bits, animation.
 * @throws DataError ERR_DATA_DECODER when the package sharp is not installed.
 */
export async function openImageDecoder(): Promise<{ decode: ImageDecoder; version: string }> {
  const { default: sharp } = await import('sharp').catch((cause: unknown) => {
    throw new DataError('ERR_DATA_DECODER', `images are decoded by the package sharp, which cannot be loaded (${reasonOf(cause)}). Install it: npm install sharp`, { cause });
  });
  return {
    version: `sharp ${sharp.versions.sharp}, libvips ${sharp.versions.vips}`,
    async decode(bytes, { size, channels }) {
      // The library reads many more formats; none of those decoders gets to see a file.
      if (!isJpeg(bytes) && !isPng(bytes)) throw new Error('is neither a JPEG nor a PNG image');
      const image = sharp(bytes, { failOn: 'error', ignoreIcc: true, limitInputPixels: false });
      const header = await image.metadata();
      const native = usableChannels(header);
      if (size) image.resize({ height: size[0], width: size[1], fit: 'fill', fastShrinkOnLoad: false });
      const { data, info } = await image.toColourspace(native === 1 ? 'b-w' : 'srgb').raw().toBuffer({ resolveWithObject: true });
      if (info.channels !== native) throw new Error(`decodes to ${info.channels} channels instead of ${native}`);
      return { pixels: inChannels(data, native, channels ?? native), shape: [info.height, info.width, channels ?? native] };
    },
  };
}

/** Reads the header alone, so that nothing large is allocated for a file that is not used. */
function usableChannels({ width, height, space, channels, depth, hasAlpha, pages, isPalette }: Metadata): 1 | 3 {
  if (width * height > MAX_PIXELS) throw new Error(`has ${width} x ${height} pixels, more than ${MAX_PIXELS}`);
  if (space === 'cmyk') throw new Error('is in CMYK, not in RGB or grey');
  if (depth !== 'uchar') throw new Error('has more than 8 bits a channel');
  if (hasAlpha) throw new Error('has an alpha channel');
  if ((pages ?? 1) > 1) throw new Error('is animated');
  if (channels === 1 && !isPalette) return 1;
  if (channels === 3 || isPalette) return 3;
  throw new Error(`has ${channels} channels`);
}

function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

function isPng(bytes: Uint8Array): boolean {
  return [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a].every((byte, i) => bytes[i] === byte);
}

/** Grey to RGB by repetition; RGB to grey by the luma of ITU-R BT.601, as Pillow does. */
function inChannels(pixels: Uint8Array, from: 1 | 3, to: 1 | 3): Uint8Array {
  if (from === to) return pixels;
  const count = pixels.length / from;
  const result = new Uint8Array(count * to);
  for (let i = 0; i < count; i++) {
    if (to === 3) result.fill(pixels[i] ?? 0, i * 3, i * 3 + 3);
    else result[i] = (19_595 * (pixels[i * 3] ?? 0) + 38_470 * (pixels[i * 3 + 1] ?? 0) + 7_471 * (pixels[i * 3 + 2] ?? 0) + 0x8000) >> 16;
  }
  return result;
}
