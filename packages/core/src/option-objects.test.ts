import { input } from '@tensorflow/tfjs-layers';
import { expect, test } from 'vitest';
import { add, avgPool, concatenate, dropout, flatten, maxPool, OptionError } from './index.js';

const image = () => input({ shape: [8, 8, 3] });

test.each<[string, (options: never) => unknown]>([
  ['add', (options) => add([image(), image()], options)],
  ['concatenate', (options) => concatenate([image(), image()], options)],
  ['flatten', (options) => flatten(image(), options)],
  ['dropout', (options) => dropout(image(), options)],
  ['maxPool', (options) => maxPool(image(), options)],
  ['avgPool', (options) => avgPool(image(), options)],
])('%s refuses options that are no object', (kind, block) => {
  for (const options of [null, 'x', 3, []]) {
    expect(() => block(options as never)).toThrow(OptionError);
    expect(() => block(options as never)).toThrow(`${kind}: options must be an object with the options `);
  }
});

test('avgPool knows its own option when another is misspelt', () => {
  expect(() => avgPool(image(), { poolSize: 2, countIncludePads: false } as never)).toThrow(/unknown option countIncludePads, did you mean countIncludePad\?/);
  expect(() => avgPool(image(), { poolSize: 2, countIncludePad: 1 } as never)).toThrow(/avgPool: countIncludePad must be true or false, got 1/);
  expect(() => maxPool(image(), { poolSize: 2, countIncludePad: false } as never)).toThrow(/maxPool: unknown option countIncludePad/);
});
