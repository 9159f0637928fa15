import '@tensorflow/tfjs-backend-cpu';
import { OptionError, type VariantRow } from '@convkit/core';
import { profile } from '@convkit/profile';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ALIASES, zoo } from './index.js';

beforeAll(() => tf.setBackend('cpu'));
afterEach(() => {
  expect(tf.memory().numTensors).toBe(0);
});

function cost(id: string, side?: number) {
  const { input: [, , channels], build } = zoo.get(id);
  const model = build({ initialWeights: 'zeros', ...(side === undefined ? {} : { inputShape: [side, side, channels] }) });
  const counted = profile(model);
  model.dispose();
  return counted;
}

const rowsOf = (family: (typeof zoo.families)[number]) => Object.entries(family.variants) as [string, VariantRow & { macsAt?: Record<string, number> }][];

describe.each(zoo.families.map((family) => [family.id, family] as const))('%s', (_, family) => {
  it.each(rowsOf(family).filter(([, row]) => row.params !== undefined))('%s costs what its row states', (id, row) => {
    expect(cost(id)).toMatchObject({ params: row.params, macs: row.macs });
  });

  it('tiny rows are small', () => {
    for (const [id] of rowsOf(family).filter(([, row]) => row.params === undefined)) {
      const { params, macs } = cost(id);
      expect(params).toBeLessThan(200_000);
      expect(macs).toBeLessThan(10_000_000);
    }
  });
});

it.each(zoo.families.flatMap((family) => rowsOf(family).flatMap(([id, row]) => Object.entries(row.macsAt ?? {}).map(([side, macs]) => [id, Number(side), macs, row.params] as const))))(
  '%s at %d pixels costs what its row states', (id, side, macs, params) => {
    expect(cost(id, side)).toMatchObject({ macs, params });
  });

describe('list', () => {
  it('has what a table of models needs', () => {
    expect(zoo.list().find((entry) => entry.id === 'mobilenet_v2')).toEqual({
      id: 'mobilenet_v2', family: 'mobilenet-v2', paper: 'MobileNetV2: Inverted Residuals and Linear Bottlenecks', year: 2018, url: 'https://arxiv.org/abs/1801.04381',
      params: 3_504_872, macs: 300_774_272, input: [224, 224, 3], classes: 1000,
    });
  });

  it('names every variant once, the tiny ones on request', () => {
    const counted = zoo.list();
    const all = zoo.list({ tiny: true });
    expect(new Set(all.map((entry) => entry.id)).size).toBe(all.length);
    const tiny = all.filter((entry) => entry.params === undefined);
    expect(tiny.map((entry) => entry.family)).toEqual(zoo.families.map(({ id }) => id));
    expect(tiny.filter(({ id }) => !id.endsWith('_tiny'))).toEqual([]);
    expect(counted).toEqual(all.filter((entry) => entry.params !== undefined));
    expect(counted.every((entry) => entry.params > 0 && entry.macs > 0 && entry.url.startsWith('https://'))).toBe(true);
  });

  it('refuses an unknown option', () => {
    expect(() => zoo.list({ tinny: true } as never)).toThrow(/unknown option tinny, did you mean tiny\?/);
  });
});

describe('get', () => {
  it('finds a variant by its id and by the names of other libraries', () => {
    expect(zoo.get('vgg16')).toMatchObject({ id: 'vgg16', family: 'vgg', params: 138_357_544 });
    expect(zoo.get('mobilenetv1_100').id).toBe('mobilenet_v1');
    expect(zoo.get('shufflenet_g3_w1').id).toBe('shufflenet_v1_x1_0_g3');
    expect(zoo.get('resnet50b').id).toBe('resnet50');
    expect(zoo.get('wrn28_10')).toMatchObject({ id: 'wrn28_10_cifar10', family: 'resnet-v2', paper: 'Wide Residual Networks' });
    expect(zoo.get('DenseNet121').id).toBe('densenet121');
    expect(zoo.get('VGG16').id).toBe('vgg16');
    expect(zoo.get('bvlc_reference_caffenet').id).toBe('caffenet');
    expect([zoo.get('alexnet').id, zoo.get('pytorchcv/alexnet').id]).toEqual(['alexnet', 'alexnet_ungrouped']);
  });

  it('builds, and hands out the row to change', () => {
    const { build, spec, family } = zoo.get('mobilenet_v1_x0_25');
    const model = build({ classes: 10, inputShape: [64, 64, 1], initialWeights: 'zeros' });
    expect([model.name, model.inputs[0]?.shape, model.outputShape]).toEqual(['mobilenet_v1_x0_25', [null, 64, 64, 1], [null, 10]]);
    expect(spec).toMatchObject({ width: 0.25 });
    expect(zoo.families.map(({ id }) => id)).toContain(family);
    model.dispose();
  });

  it('knows no alias that is an id, none of two families, and none that leads nowhere', () => {
    const ids = new Set(zoo.list({ tiny: true }).map((entry) => entry.id));
    const aliases = zoo.families.flatMap((family) => Object.entries(family.aliases ?? {}).map(([alias, id]) => ({ family: family.id, alias, id, own: Object.hasOwn(family.variants, id) })));
    expect(aliases.filter(({ own }) => !own)).toEqual([]);
    expect(aliases.filter(({ alias }) => ids.has(alias))).toEqual([]);
    expect(aliases.filter(({ alias }, i) => aliases.findIndex((other) => other.alias === alias) !== i)).toEqual([]);
    expect(Object.keys(ALIASES)).toHaveLength(aliases.length);
    expect(Object.values(ALIASES).filter((id) => zoo.list().every((entry) => entry.id !== id))).toEqual([]);
  });

  it.each([
    ['vgg15', /zoo: name must be one of vgg11, .*got "vgg15" \(string\)\. Did you mean vgg1[169]\?/],
    ['resnet35', /Did you mean resnet3[24]\?/],
    ['mobilenetv1_10', /Did you mean mobilenetv1_100\?/],
    ['neocognitron', /zoo: name must be one of .*got "neocognitron" \(string\)$/],
    ['__proto__', /got "__proto__" \(string\)/],
    ['', /got "" \(string\)/],
    [35, /got 35 \(number\)/],
    [undefined, /got nothing \(undefined\)/],
  ])('refuses %o', (name, message) => {
    expect(() => zoo.get(name as string)).toThrow(OptionError);
    expect(() => zoo.get(name as string)).toThrow(message);
  });
});
