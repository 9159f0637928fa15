/** Batch norm in a training step, on images as NCHW and on rows [N, C]. */
import type { OpAttributes, ValueShape } from '@convkit/core';
import { NCHW, PLAIN, type Layout } from './layout.js';
import { float, int, type OnnxAttributes } from './program.js';
import type { OnnxValue, OnnxWriter } from './writer.js';

/** The layout with the channels as the second axis. */
export const channelsSecond = (shape: ValueShape): Layout => (shape.length === 4 ? NCHW : PLAIN);

const channelsOf = (shape: ValueShape) => shape.at(-1) as number;
const fill = (w: OnnxWriter, value: number, channels: number) => w.as(w.constant(`${value} x ${channels}`, new Float32Array(channels).fill(value), [channels]), PLAIN);

/** x scale + shift by channel, in one pass over x: batch norm with mean 0 and variance 1. */
function affine(w: OnnxWriter, x: string, scale: string, shift: string, channels: number): string {
  return w.op('BatchNormalization', [x, scale, shift, fill(w, 0, channels), fill(w, 1, channels)], { epsilon: float(0) });
}

/** With given statistics, as at inference. */
export function writeFrozenBatchNorm(w: OnnxWriter, inputs: readonly OnnxValue[], epsilon: number, shape: ValueShape): OnnxValue {
  const [x, ...vectors] = inputs as [OnnxValue, ...OnnxValue[]];
  const layout = channelsSecond(shape);
  return { name: w.op('BatchNormalization', [w.as(x, layout), ...vectors.map((value) => w.as(value, PLAIN))], { epsilon: float(epsilon) }), shape, layout };
}

/**
 * y with the batch's own statistics, and these: mean and (biased) variance [C].
 * @param inputs x, gamma, beta and the moving statistics. With momentum 0 these have no part in the result; onnxruntime
 *   writes the new statistics over them, so they must be tensors that nothing else reads.
 */
export function writeBatchNorm(w: OnnxWriter, inputs: readonly OnnxValue[], epsilon: number): { y: string; mean: string; variance: string } {
  const [x, ...vectors] = inputs as [OnnxValue, ...OnnxValue[]];
  const attributes: OnnxAttributes = { epsilon: float(epsilon), momentum: float(0), training_mode: int(1) };
  const names = [w.as(x, channelsSecond(x.shape)), ...vectors.map((value) => w.as(value, PLAIN))];
  const [y, mean, variance] = w.many('BatchNormalization', names, 3, attributes) as [string, string, string];
  return { y, mean, variance };
}

/** Images of fewer positions than this are multiplied and summed; larger ones are quicker as dot products. */
const SMALL = 256;

/** Sum of a b by channel, [C]. */
function sumOfProducts(w: OnnxWriter, a: string, b: string, shape: ValueShape): string {
  if (shape.length === 2) return w.reduce('ReduceSum', w.op('Mul', [a, b]), [0], false);
  const [batch, h, across, channels] = shape as [number, number, number, number];
  if (h * across < SMALL) return w.reduce('ReduceSum', w.op('Mul', [a, b]), [0, 2, 3], false);
  const rows = [batch, channels, 1, h * across];
  const dots = w.op('FusedMatMul', [w.reshape(a, rows), w.reshape(b, rows)], { transB: int(1) }, 'com.microsoft');
  return w.reshape(w.reduce('ReduceSum', dots, [0], false), [channels]);
}

/**
 * With r = 1 / sqrt(variance + epsilon) and M elements a channel: d beta = sum dy, d gamma = r (sum dy x - mean d beta),
 * dx = a dy + b x + k with a = gamma r, b = -a r d gamma / M, k = -a d beta / M - b mean; with given statistics dx = a dy.
 */
export function writeBatchNormGradient(w: OnnxWriter, inputs: readonly OnnxValue[], upstream: OnnxValue, { epsilon, training }: OpAttributes['batchNorm'], needs: readonly boolean[]): readonly (OnnxValue | undefined)[] {
  const [x, gamma, , givenMean, givenVariance] = inputs as [OnnxValue, OnnxValue, OnnxValue, OnnxValue, OnnxValue];
  const { shape } = x;
  const channels = channelsOf(shape);
  const layout = channelsSecond(shape);
  const [input, dy, scale] = [w.as(x, layout), w.as(upstream, layout), w.as(gamma, PLAIN)];
  const mul = (a: string, b: string) => w.op('Mul', [a, b]);
  const batch = training === undefined ? { mean: w.as(givenMean, PLAIN), variance: w.as(givenVariance, PLAIN) } : writeBatchNorm(w, inputs, epsilon);
  const inverse = w.op('Reciprocal', [w.op('Sqrt', [w.op('Add', [batch.variance, w.number(epsilon)])])]);
  const a = mul(scale, inverse);
  const vector = (name: string): OnnxValue => ({ name, shape: [channels], layout: PLAIN });
  const betaGradient = () => w.reduce('ReduceSum', dy, shape.length === 4 ? [0, 2, 3] : [0], false);
  const gammaGradient = () => mul(inverse, w.op('Sub', [sumOfProducts(w, dy, input, shape), mul(batch.mean, betaGradient())]));
  const inputGradient = () => {
    if (training === undefined) return affine(w, dy, a, fill(w, 0, channels), channels);
    const share = w.number(-1 / (shape.slice(0, -1) as number[]).reduce((product, n) => product * n, 1));
    const b = mul(mul(a, inverse), mul(gammaGradient(), share));
    const k = w.op('Sub', [mul(a, mul(betaGradient(), share)), mul(b, batch.mean)]);
    return w.op('Add', [affine(w, dy, a, k, channels), affine(w, input, b, fill(w, 0, channels), channels)]);
  };
  return [
    needs[0] ? { name: inputGradient(), shape, layout } : undefined,
    needs[1] ? vector(gammaGradient()) : undefined,
    needs[2] ? vector(betaGradient()) : undefined,
  ];
}
