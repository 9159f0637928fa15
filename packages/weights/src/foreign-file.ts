import { recognizeFormat } from '@convkit/data';

const UNPICKLED = 'which is never unpickled here, because that can run code. Convert it in Python: '
  + 'safetensors.torch.save_file(torch.load(path, map_location="cpu", weights_only=True), "model.safetensors")';

/** What a file is that is no safetensors file, and how to make one of it, by its first bytes: the end of a sentence. */
export function foreignFile(head: Uint8Array): string | undefined {
  const found = recognizeFormat(head);
  if (found === 'a zip archive') return `this is a zip archive, as torch.save writes, ${UNPICKLED}`;
  if (found === 'an HDF5 file') return 'this is an HDF5 file, as Keras writes: load it in Keras and write its weights with safetensors.numpy.save_file';
  if (found === 'gzip data') return 'this is gzip data: unpack it first';
  if (found?.startsWith('a web page')) return `this is ${found}: the download went wrong`;
  if (found !== undefined) return `this is ${found}`;
  const [first, second = 0] = head;
  // Pickle protocols 2 to 5; torch.save wrote these before 1.6.
  if (first === 0x80 && second >= 2 && second <= 5) return `this is a pickle, ${UNPICKLED}`;
  const text = String.fromCharCode(...head.subarray(0, 16));
  if (text.startsWith('GGUF')) return 'this is a GGUF file, which holds language models';
  return /^\s*[{[]/.test(text) ? 'this is text that looks like JSON; the index of a sharded file must end in .index.json' : undefined;
}
