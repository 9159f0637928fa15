// Mutations of good files: each is either refused with a typed error or read, quickly. `npm run fuzz` tries twenty times as many.
import { readFileSync } from 'node:fs';
import { randomStream } from '@convkit/core';
import { expect, it } from 'vitest';
import { readSafetensors, SafetensorsError, writeSafetensors } from './index.js';

const TRIALS = Number(process.env['CONVKIT_FUZZ'] ?? 10_000);
const fixture = (name: string) => new Uint8Array(readFileSync(new URL(`../fixtures/${name}`, import.meta.url)));
const FILES: Record<string, Uint8Array> = {
  'of every type, written by Python': fixture('dtypes.safetensors'),
  'of a network, written by Python': fixture('tiny-resnet.safetensors'),
  'of two tensors and notes': writeSafetensors([{ name: 'a', shape: [2, 2], values: Float32Array.of(1, 2, 3, 4) }, { name: '__proto__', shape: [], values: Float32Array.of(5) }], { metadata: { by: 'convkit' } }),
};
/** What a length or an offset is set to. */
const LENGTHS = [0n, 1n, 7n, 8n, 2n ** 31n - 1n, 2n ** 32n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n];
/** What numbers and words of the header are replaced by. */
const WORDS = ['0', '-1', '1.5', '4294967295', '9007199254740992', '1e999', 'null', 'true', '"F64"', '[]', '{}', '"\\u0000"', '"__proto__"', '', ',', '\ud800'];

type Random = (below: number) => number;

function mutate(file: Uint8Array, random: Random): Uint8Array {
  const header = 8 + Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  // Half of the places in the header, where all the decisions are.
  const place = () => (random(2) === 0 ? random(header) : random(file.length));
  const [from, to] = [place(), place()].sort((a, b) => a - b) as [number, number];
  const spliced = (bytes: Uint8Array, upTo = to) => Buffer.concat([file.subarray(0, from), bytes, file.subarray(upTo)]);
  switch (random(8)) {
    case 0: {
      const flipped = new Uint8Array(file);
      flipped[from] = (flipped[from] as number) ^ (1 << random(8));
      return flipped;
    }
    case 1: return file.subarray(0, from);
    case 2: return spliced(new Uint8Array());
    case 3: return spliced(Uint8Array.from({ length: 1 + random(16) }, () => random(256)), from);
    case 4: return spliced(file.subarray(from, Math.min(to, from + 64)).toReversed(), Math.min(to, from + 64));
    case 5: {
      const changed = new Uint8Array(file);
      new DataView(changed.buffer).setBigUint64(0, LENGTHS[random(LENGTHS.length)] as bigint, true);
      return changed;
    }
    default: {
      // A number or a word of the header, the length put right again so that the parser looks at it.
      const text = new TextDecoder('latin1').decode(file.subarray(8, header));
      const words = [...text.matchAll(/-?\d+|"[^"]*"|[{}[\]:,]/g)];
      const word = words[random(words.length)];
      if (word === undefined) return file;
      const head = Buffer.from(text.slice(0, word.index) + (WORDS[random(WORDS.length)] as string) + text.slice(word.index + word[0].length));
      const length = new Uint8Array(8);
      new DataView(length.buffer).setBigUint64(0, BigInt(head.length), true);
      return Buffer.concat([length, head, file.subarray(header)]);
    }
  }
}

it.each(Object.entries(FILES))(`mutations of a file %s`, (_, file) => {
  const stream = randomStream(20);
  const random: Random = (below) => Math.floor(stream() * below);
  const outcomes = { refused: 0, read: 0 };
  let slowest = 0;
  for (let trial = 0; trial < TRIALS; trial++) {
    let mutated = file;
    for (let i = 0; i <= random(3); i++) if (mutated.length > 8 && isOpen(mutated)) mutated = mutate(mutated, random);
    const started = performance.now();
    try {
      for (const tensor of readSafetensors(mutated).tensors.values()) expect(tensor.values.length).toBe(tensor.size);
      outcomes.read++;
    } catch (error) {
      if (!(error instanceof SafetensorsError)) throw new Error(`trial ${trial}: ${String(error)}`, { cause: error });
      outcomes.refused++;
    }
    slowest = Math.max(slowest, performance.now() - started);
  }
  expect(slowest).toBeLessThan(1000);
  // The mutations do reach the parser: some change numbers only, most do not.
  expect(outcomes.refused).toBeGreaterThan(TRIALS / 4);
  expect(outcomes.read).toBeGreaterThan(0);
});

/** Whether the length is one that mutations can look for the header's words by. */
function isOpen(file: Uint8Array): boolean {
  return new DataView(file.buffer, file.byteOffset).getBigUint64(0, true) <= BigInt(file.length - 8);
}
