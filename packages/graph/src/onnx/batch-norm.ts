/** Batch norm in a training step, on rows [N, C] and on images, as NCHW or in blocks. */
import type { OpAttributes, ValueShape } from '@convkit/core';
import { byChannel, channelsOf, channelsSecond, everyChannel } from './by-channel.js';
import { PLAIN } from './layout.js';
import { float, int, type OnnxAttributes } from './program.js';
import type { OnnxValue, OnnxWriter } from './writer.js';

const elementsPerChannel = (shape: ValueShape) => (shape.slice(0, -1) as number[]).reduce((product, n) => product * n, 1);
const inverseOf = (w: OnnxWriter, variance: string, epsilon: number) => w.op('Reciprocal', [w.op('Sqrt', [w.op('Add', [variance, w.number(epsilon)])])]);

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

/** Of one batch, [C]: the (biased) variance, the mean, and the input, already without its mean where that is the cheaper way. */
interface BatchStatistics {
  readonly mean: string;
  readonly variance: string;
  readonly x: string;
  readonly centred: boolean;
}

/**
 * y with the batch's own statistics, and these.
 * @param inputs x, gamma, beta and the moving statistics. With momentum 0 these have no part in the result; onnxruntime
 *   writes the new statistics over them, so they must be tensors that nothing else reads.
 */
export function writeBatchNorm(w: OnnxWriter, inputs: readonly OnnxValue[], epsilon: number): BatchStatistics & { readonly y: string } {
  const [value, ...vectors] = inputs as [OnnxValue, ...OnnxValue[]];
  const { shape } = value;
  const layout = channelsSecond(shape, value.layout);
  const x = w.as(value, layout);
  const given = vectors.map((vector) => w.as(vector, PLAIN)) as [string, string, ...string[]];
  if (layout.block === undefined) {
    const attributes: OnnxAttributes = { epsilon: float(epsilon), momentum: float(0), training_mode: int(1) };
    const [y, mean, variance] = w.many('BatchNormalization', [x, ...given], 3, attributes) as [string, string, string];
    return { y, mean, variance, x, centred: false };
  }
  const math = byChannel(w, shape, layout);
  const share = w.number(1 / elementsPerChannel(shape));
  const mean = math.mean(x);
  const centred = math.affine(x, everyChannel(w, 1, channelsOf(shape)), w.op('Neg', [mean]));
  const variance = w.op('Mul', [math.dot(centred, centred), share]);
  const [gamma, beta] = given;
  return { y: math.affine(centred, w.op('Mul', [gamma, inverseOf(w, variance, epsilon)]), beta), mean, variance, x: centred, centred: true };
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
  const { x, mean, variance, centred } = training === undefined
    ? { x: w.as(value, layout), mean: w.as(givenMean, PLAIN), variance: w.as(givenVariance, PLAIN), centred: false }
    : writeBatchNorm(w, inputs, epsilon);
  const inverse = inverseOf(w, variance, epsilon);
  const vector = (name: string): OnnxValue => ({ name, shape: [channelsOf(shape)], layout: PLAIN });
  const betaGradient = () => math.sum(dy);
  const gammaGradient = () => mul(inverse, centred ? math.dot(dy, x) : w.op('Sub', [math.dot(dy, x), mul(mean, betaGradient())]));
  const beforeScale = () => {
    if (training === undefined) return dy;
    const slope = mul(inverse, mul(gammaGradient(), w.number(-1 / elementsPerChannel(shape))));
    const shift = w.op('Neg', [math.mean(dy)]);
    return w.sum(dy, math.affine(x, slope, centred ? shift : w.op('Sub', [shift, mul(slope, mean)])));
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
