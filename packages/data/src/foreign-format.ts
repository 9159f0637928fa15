import { printable } from './data-error.js';

const SIGNATURES: readonly (readonly [string, string])[] = [
  ['\x1f\x8b', 'gzip data'],
  ['PK\x03\x04', 'a zip archive'],
  ['BZh', 'bzip2 data'],
  ['\xfd7zXZ', 'xz data'],
  ['\x28\xb5\x2f\xfd', 'zstandard data'],
  ['\x89PNG', 'a PNG image'],
  ['\xff\xd8\xff', 'a JPEG image'],
  ['\x93NUMPY', 'a NumPy array'],
  ['\x89HDF', 'an HDF5 file'],
  ['version https://git-lfs', 'a Git LFS pointer, not the file itself; fetch it with git lfs pull'],
];

/** What content is that is often taken for something else, by its first bytes: 'a zip archive', 'a web page, ...'. */
export function recognizeFormat(bytes: Uint8Array): string | undefined {
  const head = String.fromCharCode(...bytes.subarray(0, 64));
  for (const [signature, name] of SIGNATURES) if (head.startsWith(signature)) return name;
  if (/^\s*<(!doctype|html|\?xml|head|body)/i.test(head)) return `a web page, it starts with ${JSON.stringify(printable(head.slice(0, 40)))}`;
  return undefined;
}

/** What the content is when it is neither IDX nor gzip, as the end of a sentence. */
export function foreignFormat(bytes: Uint8Array): string {
  const found = recognizeFormat(bytes);
  if (found === undefined) return 'this is neither IDX nor gzip';
  return `this is ${found === 'gzip data' ? 'gzip data inside gzip data' : found}`;
}
