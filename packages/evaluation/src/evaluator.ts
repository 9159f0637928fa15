import { option, OptionError, readOptions, resizeBilinear2d, type ImageShape } from '@convkit/core';
import type { Graph } from '@convkit/graph';
import type { OnnxRuntime } from '@convkit/onnx';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { logitsOf, Programs } from './programs.js';
import { Tally, type Scores } from './tally.js';
import { cropCorners, scaledSize } from './views.js';

/** What a network is shown of an image. */
export const VIEWS = ['centre', 'dense', 'crops'] as const;
export type View = (typeof VIEWS)[number];

export interface EvaluateOptions {
  /**
   * 'centre': one window of the network's own size in the middle. 'crops': a grid of such windows. 'dense': the network in its
   * fully convolutional form on the whole image. Several: the mean of their posteriors. Default 'centre'.
   */
  views?: View | readonly View[];
  /** Lengths Q of the image's shorter side, one after the other. Default: that of the network's input. */
  scales?: readonly number[];
  /** Also every view mirrored left to right. Default false. */
  flip?: boolean;
  /** Windows along each side, of 'crops'. Default 5. */
  grid?: number;
  /** Of 'dense': whether class scores are averaged over the positions, then softmax, or posteriors. Default 'scores'. */
  average?: 'scores' | 'posteriors';
  /** Images that run at a time. Default 32. */
  batchSize?: number;
  /** On TensorFlow.js' current backend, or in onnxruntime. Default 'tfjs'. */
  engine?: 'tfjs' | 'onnxruntime';
  /** Engine onnxruntime: threads inside an operation. */
  threads?: number;
  /** Engine onnxruntime: another build of it than onnxruntime-node. */
  runtime?: OnnxRuntime;
}

/** Images of one size, as the networks take their pixels. */
export interface Images {
  /** [N, H, W, C] row major. */
  readonly images: Float32Array;
  /** Images. */
  readonly size: number;
  /** [H, W, C] of each. Default: the first network's input. */
  readonly shape?: ImageShape;
}

/** Images and their classes. */
export interface LabelledImages extends Images {
  readonly labels: ArrayLike<number>;
}

export interface Evaluation extends Scores {
  /** Views of one image, of all networks: 150 for three scales of 25 windows and their mirror images. */
  readonly views: number;
}

/** Shows networks images in one way. */
export interface Evaluator {
  /** Mean posteriors [N, K] over views and networks. @throws OptionError for images that do not fit. */
  posteriors(images: Images): Promise<Float64Array>;
  /** Views of one image, of all networks together. */
  readonly views: number;
  /** Frees what was compiled; the networks stay. */
  dispose(): Promise<void>;
}

const side = option.integer(1);
const entries = {
  views: option.withDefault(option.custom<View | readonly View[]>(
    (value) => [value].flat().length > 0 && [value].flat().every((view, i, all) => VIEWS.includes(view as View) && all.indexOf(view) === i), `one of ${VIEWS.join(', ')}, or a list of different ones`,
  ), 'centre'),
  scales: option.optional(option.list(side)),
  flip: option.withDefault(option.boolean(), false),
  grid: option.withDefault(side, 5),
  average: option.withDefault(option.oneOf(['scores', 'posteriors']), 'scores'),
  batchSize: option.withDefault(side, 32),
  engine: option.withDefault(option.oneOf(['tfjs', 'onnxruntime']), 'tfjs'),
  threads: option.optional(option.integer(1)),
  runtime: option.optional(option.custom<OnnxRuntime>((value) => typeof value === 'object' && value !== null && 'InferenceSession' in value, 'a module of onnxruntime')),
} as const;

/** One network, or several that decide together. */
export type Networks = LayersModel | Graph | readonly (LayersModel | Graph)[];

/**
 * Prepares networks to be shown images in one way: posteriors are averaged over flips, scales and windows, then over kinds of
 * views, then over networks. Weights are read when a size is first met; make another evaluator after training.
 * @throws OptionError for unknown and impossible options, and for networks that do not answer alike.
 */
export function createEvaluator(networks: Networks, options: EvaluateOptions = {}): Evaluator {
  return new ImageEvaluator([networks].flat() as (LayersModel | Graph)[], options);
}

/**
 * Tests networks on labelled images, which may come in batches of several sizes.
 * @throws OptionError as `createEvaluator`, and for a label that is no class.
 */
export async function evaluate(networks: Networks, batches: LabelledImages | Iterable<LabelledImages> | AsyncIterable<LabelledImages>, options: EvaluateOptions = {}): Promise<Evaluation> {
  const evaluator = createEvaluator(networks, options);
  const tally = new Tally();
  try {
    for await (const batch of 'images' in batches ? [batches] : batches) {
      if (batch.labels?.length !== batch.size) throw new OptionError('evaluate', 'labels', batch.labels?.length, `one for each of the ${batch.size} images`);
      tally.add(await evaluator.posteriors(batch), batch.labels);
    }
    return { ...tally.scores(), views: evaluator.views };
  } finally {
    await evaluator.dispose();
  }
}

class ImageEvaluator implements Evaluator {
  private readonly options;
  private readonly kinds: readonly View[];
  private readonly networks: readonly Programs[];
  private readonly classes: number;

  constructor(networks: readonly (LayersModel | Graph)[], options: EvaluateOptions) {
    const where = 'evaluate';
    this.options = readOptions(where, entries, options);
    const { engine: kind, threads, runtime } = this.options;
    this.kinds = [this.options.views].flat() as View[];
    if (networks.length === 0) throw new OptionError(where, 'networks', networks, 'at least one model');
    this.networks = networks.map((network) => new Programs(logitsOf(network), { kind, threads, runtime }));
    const widths = this.networks.map(({ graph }) => {
      const [input, output] = [graph.inputs[0]?.shape ?? [], graph.outputs[0]?.shape ?? []];
      if (graph.inputs.length !== 1 || input.length !== 4 || output.length !== 2) throw new OptionError(where, `network "${graph.name}"`, [...input, '->', ...output], 'from an image [N, H, W, C] to logits [N, K]');
      return output[1] as number;
    });
    this.classes = widths[0] as number;
    if (widths.some((width) => width !== this.classes)) throw new OptionError(where, 'networks', widths, 'networks of as many classes');
  }

  get views(): number {
    const { scales, flip, grid } = this.options;
    const windows = this.kinds.reduce((sum, kind) => sum + (kind === 'crops' ? grid * grid : 1), 0);
    return this.networks.length * (scales?.length ?? 1) * (flip ? 2 : 1) * windows;
  }

  async posteriors({ images, size, shape = inputOf(this.networks[0] as Programs) }: Images): Promise<Float64Array> {
    const pixels = shape.reduce((product, n) => product * n, 1);
    if (!Number.isInteger(size) || size < 1 || images.length !== size * pixels) throw new OptionError('evaluate', 'images', images.length, `${size} images of ${shape.join(' x ')}`);
    const result = new Float64Array(size * this.classes);
    const { batchSize } = this.options;
    for (let start = 0; start < size; start += batchSize) {
      const count = Math.min(batchSize, size - start);
      const x = tf.tensor4d(images.slice(start * pixels, (start + count) * pixels), [count, ...shape]);
      const sums = result.subarray(start * this.classes, (start + count) * this.classes);
      try {
        for (const network of this.networks) for (const kind of this.kinds) await this.addView(network, kind, x, sums);
      } finally {
        x.dispose();
      }
    }
    return result;
  }

  /** Adds one kind of view of one network, weighted so that all of them sum to the mean. */
  private async addView(network: Programs, kind: View, x: tf.Tensor4D, sums: Float64Array): Promise<void> {
    const { flip, grid, scales: given } = this.options;
    const [height, width, channels] = inputOf(network);
    const own: [number, number] = [height, width];
    const image: [number, number] = [x.shape[1], x.shape[2]];
    if (x.shape[3] !== channels) throw new OptionError('evaluate', 'images', x.shape[3], `images of ${channels} channels, as "${network.graph.name}" takes them`);
    const scales = given ?? [Math.min(height, width)];
    const share = 1 / (this.networks.length * this.kinds.length * scales.length * (flip ? 2 : 1));
    for (const scale of scales) {
      const size = scaledSize(image, scale);
      if (size[0] < height || size[1] < width) throw new OptionError('evaluate', 'scales', scale, `large enough for the ${own.join(' x ')} of "${network.graph.name}", here the image is ${size.join(' x ')}`);
      for (const mirrored of flip ? [false, true] : [false]) {
        const view = tf.tidy(() => {
          const scaled = size[0] === image[0] && size[1] === image[1] ? tf.clone(x) : resizeBilinear2d(x, size);
          return mirrored ? tf.reverse(scaled, 2) : scaled;
        });
        try {
          if (kind === 'dense') await addRows(sums, await this.ofDense(network, view), share);
          else {
            const corners = cropCorners(size, own, kind === 'crops' ? grid : 1);
            for (const [row, column] of corners) await addRows(sums, await ofWindow(network, view, [row, column], own), share / corners.length);
          }
        } finally {
          view.dispose();
        }
      }
    }
  }

  /** Posteriors [N, K] of the whole image: the mean over the positions of scores or of posteriors. */
  private async ofDense(network: Programs, view: tf.Tensor4D): Promise<tf.Tensor> {
    const map = await network.dense(view);
    return tf.tidy(() => {
      const scores = tf.reshape(map, [map.shape[0] as number, -1, this.classes]);
      map.dispose();
      return this.options.average === 'scores' ? tf.softmax(tf.mean(scores, 1)) : tf.mean(tf.softmax(scores), 1);
    });
  }

  async dispose(): Promise<void> {
    for (const network of this.networks) await network.dispose();
  }
}

const inputOf = ({ graph }: Programs) => graph.inputs[0]?.shape.slice(1) as unknown as ImageShape;

async function ofWindow(network: Programs, view: tf.Tensor4D, [row, column]: [number, number], [height, width]: [number, number]): Promise<tf.Tensor> {
  const window = tf.slice(view, [0, row, column, 0], [-1, height, width, -1]);
  try {
    const logits = await network.plain(window);
    const posteriors = tf.softmax(logits);
    logits.dispose();
    return posteriors;
  } finally {
    window.dispose();
  }
}

/** sums += share x rows; the tensor is gone then. */
async function addRows(sums: Float64Array, rows: tf.Tensor, share: number): Promise<void> {
  const values = await rows.data();
  rows.dispose();
  values.forEach((value, i) => { sums[i] = (sums[i] as number) + share * value; });
}
