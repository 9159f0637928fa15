/** Batch norm in a training step, on rows [N, C] and on images, as NCHW or in blocks. */
import type { OpAttributes, ValueShape } from '@convkit/core';
import { byChannel, channelsOf, channelsSecond, everyChannel } from './by-channel.js';
import { PLAIN } from './layout.js';
import { float, int, type OnnxAttributes } from './program.js';
import type { OnnxValue, OnnxWriter } from './writer.js';

const elementsPerChannel = (shape: ValueShape) => (shape.slice(0, -1) as number[]).reduce((product, n) => product * n, 1);
const inverseOf = (w: OnnxWriter, variance: string, epsilon: number) => w.op('Pow', [w.op('Add', [variance, w.number(epsilon)]), w.number(-0.5)]);

/** With given statistics, as at inference. */
export function writeFrozenBatchNorm(w: OnnxWriter, inputs: readonly OnnxValue[], epsilon: number, shape: ValueShape): OnnxValue {
  const [x, ...vectors] = inputs as [OnnxValue, ...OnnxValue[]];
  const layout = channelsSecond(shape, x.layout);
  const [gamma, beta, mean, variance] = vectors.map((value) => w.as(value, PLAIN)) as [string, string, string, string];
  if (layout.block === undefined) return { name: w.op('BatchNormalization', [w.as(x, layout), gamma, beta, mean, variance], { epsilon: float(epsilon) }), shape, layout };
  const scale = w.op('Mul', [gamma, inverseOf(w, variance, epsilon)]);
  const shift = w.op('Sub', [beta, w.op('Mul', [mean, scale])]);
  return { name: byChannel(w, shape, layout).affine(w.as(x, layout), scale, shift), shape, layout };
}

/** Of one batch, [C]: the mean and the (biased) variance; and the input, in blocks less a number for each channel, with its own mean. */
interface BatchStatistics {
  readonly mean: string;
  readonly variance: string;
  readonly x: string;
  readonly meanOfX: string;
}

/**
 * y with the batch's own statistics, and these. In blocks the variance is E[d^2] - E[d]^2 of d = x - m, m the moving mean, which costs one pass over
 * the image where E[(x - E[x])^2] wants two more; its relative error grows with 1 + E[d]^2 / variance, which m keeps small.
 * @param inputs x, gamma, beta and the moving statistics. Of these the result depends by rounding alone. onnxruntime's own operator, outside of blocks,
 *   writes the new statistics over them with momentum 0, so they must be tensors that nothing else reads.
 */
export function writeBatchNorm(w: OnnxWriter, inputs: readonly OnnxValue[], epsilon: number): BatchStatistics & { readonly y: string } {
  const [value, ...vectors] = inputs as [OnnxValue, ...OnnxValue[]];
  const { shape } = value;
  const layout = channelsSecond(shape, value.layout);
  const given = vectors.map((vector) => w.as(vector, PLAIN)) as [string, string, string, string];
  if (layout.block === undefined) {
    const x = w.as(value, layout);
    const attributes: OnnxAttributes = { epsilon: float(epsilon), momentum: float(0), training_mode: int(1) };
    const [y, mean, variance] = w.many('BatchNormalization', [x, ...given], 3, attributes) as [string, string, string];
    return { y, mean, variance, x, meanOfX: mean };
  }
  const [gamma, beta, moving] = given;
  const math = byChannel(w, shape, layout);
  const mul = (a: string, b: string) => w.op('Mul', [a, b]);
  const x = w.noteShift(math.affine(w.as(value, layout), everyChannel(w, 1, channelsOf(shape)), w.op('Neg', [moving])));
  const meanOfX = math.mean(x);
  const square = mul(math.dot(x, x), w.number(1 / elementsPerChannel(shape)));
  // Rounding alone brings it below 0.
  const variance = w.op('Max', [w.op('Sub', [square, mul(meanOfX, meanOfX)]), w.number(0)]);
  const scale = mul(gamma, inverseOf(w, variance, epsilon));
  const y = math.affine(x, scale, w.op('Sub', [beta, mul(scale, meanOfX)]));
  return { y, mean: w.op('Add', [moving, meanOfX]), variance, x, meanOfX };
}

/**
 * With r = 1 / sqrt(variance + epsilon), a = gamma r and M elements a channel: d beta = sum dy, d gamma = r sum dy (x - mean),
 * dx = a (dy - d beta / M - (x - mean) r d gamma / M); with given statistics dx = a dy. The factor a is last, and noted: a convolution in
 * front does it to its kernel.
 */
export function writeBatchNormGradient(w: OnnxWriter, inputs: readonly OnnxValue[], upstream: OnnxValue, { epsilon, training }: OpAttributes['batchNorm'], needs: readonly boolean[]): readonly (OnnxValue | undefined)[] {
  const [value, gamma, , givenMean, givenVariance] = inputs as [OnnxValue, OnnxValue, OnnxValue, OnnxValue, OnnxValue];
  const { shape } = value;
  const layout = channelsSecond(shape, value.layout);
  const [dy, scale] = [w.as(upstream, layout), w.as(gamma, PLAIN)];
  const math = byChannel(w, shape, layout);
  const mul = (a: string, b: string) => w.op('Mul', [a, b]);
  const { x, meanOfX, variance } = training === undefined
    ? { x: w.as(value, layout), meanOfX: w.as(givenMean, PLAIN), variance: w.as(givenVariance, PLAIN) }
    : writeBatchNorm(w, inputs, epsilon);
  const inverse = inverseOf(w, variance, epsilon);
  const vector = (name: string): OnnxValue => ({ name, shape: [channelsOf(shape)], layout: PLAIN });
  const betaGradient = () => math.sum(dy);
  const gammaGradient = () => mul(inverse, w.op('Sub', [math.dot(dy, x), mul(meanOfX, betaGradient())]));
  const beforeScale = () => {
    if (training === undefined) return dy;
    const slope = mul(inverse, mul(gammaGradient(), w.number(-1 / elementsPerChannel(shape))));
    const shift = w.op('Neg', [math.mean(dy)]);
    return w.sum(dy, math.affine(x, slope, w.op('Sub', [shift, mul(slope, meanOfX)])));
  };
  const inputGradient = () => {
    const [before, factor] = [beforeScale(), mul(scale, inverse)];
    const name = math.affine(before, factor);
    w.noteProduct(name, before, factor);
    return name;
  };
  return [
    needs[0] ? { name: inputGradient(), shape, layout } : undefined,
    needs[1] ? vector(gammaGradient()) : undefined,
    needs[2] ? vector(betaGradient()) : undefined,
  ];
}
