import { DataError } from './data-error.js';

// A stored or fixed deflate block cannot expand further than this (zlib's documentation, "maximum compression factor").
const MAX_DEFLATE_RATIO = 1032;
// How far past the announced end output is still counted, so that a small surplus can be told in exact bytes.
const SURPLUS_COUNTED = 65_536;

/** True when the content starts as a gzip member does (RFC 1952), whatever the file is called. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** Reads the total unpacked size out of the first unpacked bytes; `undefined` asks for more of them. May throw to refuse. */
export type SizeFromHead = (head: Uint8Array) => number | undefined;

/**
 * Unpacks one gzip member whose content announces its own size, with web-standard `DecompressionStream`.
 * Memory is bounded: at most the announced size is allocated, an impossible announcement is refused before that, and
 * unpacking stops soon after the announced end.
 * @throws DataError ERR_DATA_GZIP (truncated, bad CRC, trailing bytes), ERR_DATA_LIMIT, ERR_DATA_SIZE, and what `sizeFromHead` throws.
 */
export async function gunzip(bytes: Uint8Array, sizeFromHead: SizeFromHead, file?: string): Promise<Uint8Array> {
  // A copy with a plain ArrayBuffer: Blob refuses views of shared memory.
  const stream = new Blob([new Uint8Array(bytes)]).stream().pipeThrough(new DecompressionStream('gzip'));
  const reader = stream.getReader();
  let head = new Uint8Array(0);
  let output: Uint8Array | undefined;
  let found = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        throw new DataError('ERR_DATA_GZIP', gzipReason(error, bytes.length), { file, cause: error });
      });
      if (done) break;
      if (output) {
        if (found < output.length) output.set(value.subarray(0, output.length - found), found);
        found += value.length;
      } else {
        head = concatenated(head, value);
        const size = sizeFromHead(head);
        if (size === undefined) continue;
        if (size > bytes.length * MAX_DEFLATE_RATIO + SURPLUS_COUNTED) {
          throw new DataError('ERR_DATA_LIMIT', `announces ${size} bytes, more than ${bytes.length} gzip bytes can hold (at most ${bytes.length * MAX_DEFLATE_RATIO})`, { file });
        }
        output = new Uint8Array(size);
        output.set(head.subarray(0, size));
        found = head.length;
      }
      if (found > output.length + SURPLUS_COUNTED) {
        throw new DataError('ERR_DATA_SIZE', `announces ${output.length} bytes but the gzip stream goes on after ${found}; stopped unpacking`, { file, offset: output.length });
      }
    }
  } finally {
    // Stops unpacking where that was left early; what a broken stream then says about it adds nothing.
    await reader.cancel().catch(() => undefined);
  }
  // Too short for its own header: leave the wording to the parser, which knows what it needs.
  if (!output) return head;
  if (found !== output.length) throw new DataError('ERR_DATA_SIZE', `announces ${output.length} bytes, found ${found}`, { file, offset: Math.min(found, output.length) });
  checkTrailer(bytes, found, file);
  return output;
}

/** Engines differ in what they accept behind the first member (Node ignores zeros); the size in the last 4 bytes tells on all of them. */
function checkTrailer(bytes: Uint8Array, found: number, file?: string): void {
  const recorded = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(bytes.length - 4, true);
  if (recorded === found % 2 ** 32) return;
  throw new DataError('ERR_DATA_GZIP', `trailing bytes after the gzip member (the last 4 bytes should record the size ${found}, they are ${recorded})`, { file });
}

function gzipReason(error: unknown, length: number): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const message = error instanceof Error ? error.message : String(error);
  if (code === 'Z_BUF_ERROR') return `gzip stream is truncated: it ends after ${length} packed bytes without its trailer`;
  if (message.includes('data check')) return 'gzip stream is damaged: its CRC-32 does not match the content';
  if (message.includes('length check')) return 'gzip stream is damaged: its recorded length does not match the content';
  // The first member's magic was checked before, so a bad header can only be that of something behind it.
  if (message.includes('header check')) return 'trailing bytes after the gzip member';
  return `gzip stream is damaged or truncated (${message})`;
}

function concatenated(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
