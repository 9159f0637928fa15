import * as tf from '@tensorflow/tfjs-core';
import * as v from 'valibot';
import { option } from './options.js';
import { hashString, normalStream, randomStream } from './random.js';

/**
 * How a kernel starts. With n = fan in (inputs of one output) and m = fan out:
 * heNormal N(0, 2/n), heUniform U(±sqrt(6/n)), heNormalFanOut N(0, 2/m) (torchvision's convolutions), glorotNormal
 * N(0, 2/(n+m)), glorotUniform U(±sqrt(6/(n+m))), lecunNormal N(0, 1/n), torchUniform U(±1/sqrt(n)) (torch's default),
 * uniformFanOut U(±1/sqrt(m)) (EfficientNet's classifier), smallNormal N(0, 0.01^2) (torchvision's classifiers), zeros, ones.
 */
export const INITIALIZERS = [
  'heNormal', 'heUniform', 'heNormalFanOut', 'glorotNormal', 'glorotUniform', 'lecunNormal', 'torchUniform', 'uniformFanOut', 'smallNormal', 'zeros', 'ones',
] as const;
export type InitializerName = (typeof INITIALIZERS)[number];

/** Normal numbers of a given standard deviation. */
export type NormalInitializer = {
  kind: 'normal';
  deviation: number;
};

/**
 * A convolution that starts as the identity (Yu and Koltun 2016, section 3). With G groups of channels, input a of I and
 * output b of O belong together if floor(a G / I) = floor(b G / O): the centre tap between them is G / O, so that the sum
 * over a group's outputs is that over its inputs; for G = I = O it is 1 where a = b. All other taps are N(0, noise^2).
 */
export type IdentityInitializer = {
  kind: 'identity';
  /** G, at most I and O. Default: the smaller of them. */
  groups?: number;
  /** Standard deviation. Default 0. */
  noise?: number;
};

/** By name, or with numbers of its own. */
export type KernelInitializer = InitializerName | NormalInitializer | IdentityInitializer;

export const initializerOption = v.pipe(
  v.union([
    v.picklist(INITIALIZERS),
    v.strictObject({ kind: v.literal('normal'), deviation: option.number({ min: 0 }) }),
    v.strictObject({ kind: v.literal('identity'), groups: v.optional(option.integer(1)), noise: v.optional(option.number({ min: 0 })) }),
  ]),
  v.description(`one of ${INITIALIZERS.join(', ')}, { kind: 'normal', deviation } or { kind: 'identity', groups, noise }`),
) as v.GenericSchema<KernelInitializer>;

export interface Fans {
  /** Inputs that one output sums over. */
  fanIn: number;
  /** Outputs that one input reaches, as torch counts them: output channels x kernel area. */
  fanOut: number;
  /** Groups of a convolution. Default 1. */
  groups?: number;
}

/** The seed option: any unsigned 32-bit integer. */
export const seedOption = option.integer(0, 0xffffffff);

type Draw = { normal: number } | { uniform: number } | { constant: number } | { values: readonly number[] } | { identity: IdentityInitializer; fans: Fans };

function drawOf(initial: KernelInitializer, fans: Fans): Draw {
  if (typeof initial === 'object') return initial.kind === 'normal' ? { normal: initial.deviation } : { identity: initial, fans };
  const { fanIn, fanOut } = fans;
  switch (initial) {
    case 'heNormal': return { normal: Math.sqrt(2 / fanIn) };
    case 'heUniform': return { uniform: Math.sqrt(6 / fanIn) };
    case 'heNormalFanOut': return { normal: Math.sqrt(2 / fanOut) };
    case 'glorotNormal': return { normal: Math.sqrt(2 / (fanIn + fanOut)) };
    case 'glorotUniform': return { uniform: Math.sqrt(6 / (fanIn + fanOut)) };
    case 'lecunNormal': return { normal: Math.sqrt(1 / fanIn) };
    case 'torchUniform': return { uniform: 1 / Math.sqrt(fanIn) };
    case 'uniformFanOut': return { uniform: 1 / Math.sqrt(fanOut) };
    case 'smallNormal': return { normal: 0.01 };
    case 'zeros': return { constant: 0 };
    case 'ones': return { constant: 1 };
  }
}

/** Writes the centre tap of an identity over what is there: `values` is a kernel [..., inputs of a group, outputs], the groups one after the other in the outputs. */
function writeIdentity(values: Float32Array, shape: readonly number[], { fanIn, fanOut, groups = 1 }: Fans, wanted: number | undefined): Float32Array {
  const window = shape.slice(0, -2);
  const taps = window.reduce((product, n) => product * n, 1);
  const [inputs, outputs] = [fanIn / taps, fanOut / taps];
  const shared = wanted ?? Math.min(inputs * groups, outputs);
  const centre = window.reduce((position, n) => position * n + ((n - 1) >> 1), 0) * inputs * outputs;
  for (let b = 0; b < outputs; b++) {
    const first = Math.floor((b * groups) / outputs) * inputs;
    for (let a = 0; a < inputs; a++) {
      const together = Math.floor(((first + a) * shared) / (inputs * groups)) === Math.floor((b * shared) / outputs);
      if (together) values[centre + a * outputs + b] = shared / outputs;
    }
  }
  return values;
}

function fill(values: Float32Array, draw: Draw, seed: number, shape: readonly number[]): Float32Array {
  if ('identity' in draw) {
    const { groups, noise = 0 } = draw.identity;
    return writeIdentity(fill(values, noise === 0 ? { constant: 0 } : { normal: noise }, seed, shape), shape, draw.fans, groups);
  }
  if ('values' in draw) {
    values.set(draw.values);
    return values;
  }
  if ('constant' in draw) return draw.constant === 0 ? values : values.fill(draw.constant);
  if ('normal' in draw) {
    const next = normalStream(seed);
    for (let i = 0; i < values.length; i++) values[i] = next() * draw.normal;
    return values;
  }
  const next = randomStream(seed);
  for (let i = 0; i < values.length; i++) values[i] = (next() * 2 - 1) * draw.uniform;
  return values;
}

/** What tf.layers' `addWeight` takes as an initializer: draws from a stream of its own, so that layer order does not matter. */
class SeededInitializer extends tf.serialization.Serializable {
  /** @nocollapse */
  static readonly className = 'ConvkitSeededInitializer';

  constructor(private readonly draw: Draw, private readonly seed: number) {
    super();
  }

  fromConfigUsesCustomObjects(): boolean {
    return false;
  }

  apply(shape: (number | null)[]): tf.Tensor {
    const dimensions = shape as number[];
    if ('constant' in this.draw && this.draw.constant === 0) return tf.zeros(dimensions);
    return tf.tensor(fill(new Float32Array(tf.util.sizeFromShape(dimensions)), this.draw, this.seed, dimensions), dimensions);
  }

  override getConfig(): tf.serialization.ConfigDict {
    return {};
  }
}

/**
 * The initializer of one weight. The stream's seed mixes the model's seed with the weight's full name.
 * @param name Full name of the weight, `layer1.0.conv1/kernel`.
 */
export function initializer(initial: KernelInitializer, fans: Fans, seed: number, name: string) {
  return new SeededInitializer(drawOf(initial, fans), (hashString(name) ^ Math.imul(seed + 1, 0x9e3779b1)) >>> 0);
}

/** The initializer of a bias or of a batch norm's vectors: one number everywhere, or each element's own. */
export function constantInitializer(value: number | readonly number[]) {
  return new SeededInitializer(typeof value === 'number' ? { constant: value } : { values: value }, 0);
}
