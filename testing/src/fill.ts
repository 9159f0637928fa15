import { hashString, randomStream } from '@convkit/core';

/**
 * The deterministic fill of the parity fixtures: a tensor's values follow from its name and torch shape alone.
 * Seed FNV-1a of the name, stream mulberry32, one u an element in torch's row-major order: with two or more
 * dimensions (2u - 1) sqrt(6 / fan in); vectors named `...bias` or `...running_mean` (2u - 1) 0.1; vectors named
 * `...weight` or `...running_var` 0.75 + 0.5 u. Rounded to float32.
 * @param name torch state_dict name.
 * @param shape torch shape (OIHW, [out, in], [C]).
 */
export function fixtureTensor(name: string, shape: readonly number[]): Float32Array {
  if (shape.length >= 2) {
    const fanIn = shape.slice(1).reduce((product, n) => product * n, 1);
    return fixtureStream(name, shape, Math.sqrt(6 / fanIn), 0);
  }
  if (/(bias|running_mean)$/.test(name)) return fixtureStream(name, shape, 0.1, 0);
  if (/(weight|running_var)$/.test(name)) return fixtureStream(name, shape, 0.25, 1);
  throw new Error(`no fill rule for the tensor ${name} of shape [${shape.join(', ')}]`);
}

/** float32(shift + scale (2u - 1)) for every element, u from the stream named `name`. */
export function fixtureStream(name: string, shape: readonly number[], scale = 1, shift = 0): Float32Array {
  const next = randomStream(hashString(name));
  const values = new Float32Array(shape.reduce((product, n) => product * n, 1));
  for (let i = 0; i < values.length; i++) values[i] = shift + scale * (2 * next() - 1);
  return values;
}
