import * as tf from '@tensorflow/tfjs-core';
import { option } from './options.js';
import { hashString, normalStream, randomStream } from './random.js';

/**
 * How a kernel starts. With n = fan in (inputs of one output) and m = fan out:
 * heNormal N(0, 2/n), heUniform U(±sqrt(6/n)), heNormalFanOut N(0, 2/m) (torchvision's convolutions), glorotNormal
 * N(0, 2/(n+m)), glorotUniform U(±sqrt(6/(n+m))), lecunNormal N(0, 1/n), torchUniform U(±1/sqrt(n)) (torch's default),
 * smallNormal N(0, 0.01^2) (torchvision's classifiers), zeros, ones.
 */
export const INITIALIZERS = [
  'heNormal', 'heUniform', 'heNormalFanOut', 'glorotNormal', 'glorotUniform', 'lecunNormal', 'torchUniform', 'smallNormal', 'zeros', 'ones',
] as const;
export type InitializerName = (typeof INITIALIZERS)[number];

export interface Fans {
  /** Inputs that one output sums over. */
  fanIn: number;
  /** Outputs that one input reaches, as torch counts them: output channels x kernel area. */
  fanOut: number;
}

/** The seed option: any unsigned 32-bit integer. */
export const seedOption = option.integer(0, 0xffffffff);

type Draw = { normal: number } | { uniform: number } | { constant: number };

function drawOf(name: InitializerName, { fanIn, fanOut }: Fans): Draw {
  switch (name) {
    case 'heNormal': return { normal: Math.sqrt(2 / fanIn) };
    case 'heUniform': return { uniform: Math.sqrt(6 / fanIn) };
    case 'heNormalFanOut': return { normal: Math.sqrt(2 / fanOut) };
    case 'glorotNormal': return { normal: Math.sqrt(2 / (fanIn + fanOut)) };
    case 'glorotUniform': return { uniform: Math.sqrt(6 / (fanIn + fanOut)) };
    case 'lecunNormal': return { normal: Math.sqrt(1 / fanIn) };
    case 'torchUniform': return { uniform: 1 / Math.sqrt(fanIn) };
    case 'smallNormal': return { normal: 0.01 };
    case 'zeros': return { constant: 0 };
    case 'ones': return { constant: 1 };
  }
}

function fill(values: Float32Array, draw: Draw, seed: number): Float32Array {
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
    return tf.tensor(fill(new Float32Array(tf.util.sizeFromShape(dimensions)), this.draw, this.seed), dimensions);
  }

  override getConfig(): tf.serialization.ConfigDict {
    return {};
  }
}

/**
 * The initializer of one weight. The stream's seed mixes the model's seed with the weight's full name.
 * @param name Full name of the weight, `layer1.0.conv1/kernel`.
 */
export function initializer(initial: InitializerName, fans: Fans, seed: number, name: string) {
  return new SeededInitializer(drawOf(initial, fans), (hashString(name) ^ Math.imul(seed + 1, 0x9e3779b1)) >>> 0);
}

/** The initializer of a bias or of a batch norm's vectors. */
export function constantInitializer(value: number) {
  return new SeededInitializer({ constant: value }, 0);
}
