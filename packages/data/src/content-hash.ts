import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

/** SHA-256 in hexadecimal, at once. */
export function sha256Hex(bytes: Uint8Array): string {
  return bytesToHex(sha256(bytes));
}

/** SHA-256 in hexadecimal by the engine's own code, several times as fast; in pages without a secure context as `sha256Hex`. */
export async function fastSha256Hex(bytes: Uint8Array): Promise<string> {
  const { buffer } = bytes;
  // Web crypto is missing outside secure contexts and refuses shared memory.
  const subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle;
  if (!subtle || !(buffer instanceof ArrayBuffer)) return sha256Hex(bytes);
  return bytesToHex(new Uint8Array(await subtle.digest('SHA-256', new Uint8Array(buffer, bytes.byteOffset, bytes.length))));
}

/** One hash over named parts: that of the text `sha256sum` prints for them (`<hash>  <name>` a line), so that a shell can recompute it. */
export function listingSha256(parts: readonly { readonly name: string; readonly sha256: string }[]): string {
  return sha256Hex(new TextEncoder().encode(parts.map((part) => `${part.sha256}  ${part.name}\n`).join('')));
}
