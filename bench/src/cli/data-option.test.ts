import { resolve } from 'node:path';
import { isDatasetPath } from '@convkit/data/node';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { absoluteData, dataOption } from './data-option.js';

const read = (value: string): unknown => new Command().exitOverride().addOption(dataOption()).parse(['--data', value], { from: 'user' }).opts()['data'];

describe('--data', () => {
  it.each(['shapes', './flowers', 'photos/flowers', '/data/cifar10.tar.gz', 'cifar10.tgz', '..', 'C:\\photos'])('takes %s', (value) => {
    expect(read(value)).toBe(value);
    expect(absoluteData(value, '/here')).toBe(isDatasetPath(value) ? resolve('/here', value) : value);
  });

  it('refuses a name that is none', () => {
    expect(() => read('shape')).toThrow('--data must be one of auto, fashion-mnist, shapes, got "shape"');
    expect(() => read(' ')).toThrow('--data must be followed by a value');
  });
});
