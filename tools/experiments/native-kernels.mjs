// What tfjs-extras' compiled kernels gain on wasm over the same out of other kernels, and what a deformable convolution costs beside a
// plain one. One process; each round times every case composed, compiled, compiled, composed, then the plain convolution. Prints the
// medians and writes results/native-kernels.json with every sample. Needs a build, and a machine without other work.
import '@tensorflow/tfjs-backend-wasm';
import { convolve2d, deformableConvolve2d, gridSample2d } from '@convkit/core';
import { mobilenetV1 } from '@convkit/depthwise';
import { install, NATIVE_PATCHES, uninstall } from '@convkit/tfjs-extras';
import { convolutionFilterGradient, convolutionInputGradient, depthwiseFilterGradient, depthwiseInputGradient } from '@convkit/tfjs-extras/composed';
import { nativeAdd, nativeDepthwiseGradients } from '@convkit/tfjs-extras/native';
import * as tf from '@tensorflow/tfjs-core';
import { integerOptions, record } from './record.mjs';
import { summarize } from './native-kernels-summary.mjs';

/** @typedef {tf.Tensor4D} Image */
const { rounds } = integerOptions({ rounds: 7 });
const BATCH = 16;

let seed = 1;
/** @param {number[]} shape @returns {any} */
const noise = (...shape) => tf.randomUniform(shape, -1, 1, 'float32', seed++);
/** @param {number} kernel @param {number} [stride] @param {number} [groups] */
const window = (kernel, stride = 1, groups = 1) => {
  const cells = (kernel - 1) / 2;
  return { strides: /** @type {const} */ ([stride, stride]), padding: /** @type {const} */ ([cells, cells, cells, cells]), dilations: /** @type {const} */ ([1, 1]), groups };
};
/** @typedef {{ name: string, composed: () => void, compiled: () => void }} Case */
/** One function for both ways: it takes the compiled kernels where they are installed. @param {string} name @param {() => void} run @returns {Case} */
const either = (name, run) => ({ name, composed: run, compiled: run });
/** Forward and the gradients of all inputs. @param {(...inputs: any[]) => tf.Tensor} run @param {tf.Tensor[]} inputs */
const step = (run, ...inputs) => {
  const gradients = tf.grads((...given) => tf.sum(run(...given)));
  return () => void gradients(inputs);
};

await tf.setBackend('wasm');
const [x, kernel, offset, mask] = [noise(1, 28, 28, 64), noise(3, 3, 64, 64), noise(1, 28, 28, 18), noise(1, 28, 28, 9)];
const deformable = (/** @type {Image[]} */ ...[a, k, o, m]) => deformableConvolve2d(/** @type {Image} */ (a), /** @type {Image} */ (k), /** @type {Image} */ (o), window(3), m);
const plain = () => void convolve2d(x, kernel, window(3));

/** @type {Case[]} */
const cases = [
  either('deformable 3x3, 28x28x64', () => void deformable(x, kernel, offset, mask)),
  either('deformable 3x3, 28x28x64, with gradients', step(deformable, x, kernel, offset, mask)),
];
{
  const [images, grid] = [noise(4, 28, 28, 32), noise(4, 28, 28, 2)];
  const sampled = (/** @type {Image} */ a, /** @type {Image} */ g) => gridSample2d(a, g, { padding: 'zeros', alignCorners: false });
  cases.push(either('grid sampling, 4x28x28x32', () => void sampled(images, grid)), either('grid sampling, 4x28x28x32, with gradients', step(sampled, images, grid)));
}
for (const [size, channels, groups, k] of /** @type {[number, number, number, number][]} */ ([[56, 128, 32, 3], [28, 128, 8, 3], [28, 128, 2, 3], [14, 512, 32, 3], [28, 240, 3, 1]])) {
  const [image, weights] = [noise(1, size, size, channels), noise(k, k, channels / groups, channels)];
  const grouped = (/** @type {Image} */ a, /** @type {Image} */ w) => convolve2d(a, w, window(k, 1, groups));
  const name = `${groups} groups, ${k}x${k}, ${size}x${size}x${channels}`;
  cases.push(either(name, () => void grouped(image, weights)), either(`${name}, with gradients`, step(grouped, image, weights)));
}
for (const [n, size, channels, k, s] of /** @type {[number, number, number, number, number][]} */ ([[8, 32, 64, 3, 1], [4, 56, 128, 3, 2], [2, 14, 256, 7, 1]])) {
  const [image, weights, dy] = [noise(n, size, size, channels), noise(k, k, channels, 1), noise(n, size / s, size / s, channels)];
  cases.push({
    name: `depthwise gradients, ${k}x${k}, stride ${s}, ${n}x${size}x${size}x${channels}`,
    composed: () => [depthwiseInputGradient(dy, weights, image.shape, window(k, s)), depthwiseFilterGradient(image, dy, weights.shape, window(k, s))],
    compiled: () => nativeDepthwiseGradients(dy, image, weights, window(k, s)),
  });
}
for (const [n, size, channels, filters, s] of /** @type {[number, number, number, number, number][]} */ ([[8, 32, 16, 16, 1], [8, 32, 64, 128, 2], [4, 14, 256, 256, 1]])) {
  const [image, weights, dy] = [noise(n, size, size, channels), noise(3, 3, channels, filters), noise(n, size / s, size / s, filters)];
  const attributes = { strides: [s, s], pad: /** @type {tf.backend_util.ExplicitPadding} */ ([[0, 0], [1, 1], [1, 1], [0, 0]]), dataFormat: 'NHWC' };
  cases.push({
    name: `gradients, 3x3, stride ${s}, ${n}x${size}x${size}x${channels} to ${filters}`,
    composed: () => [convolutionInputGradient(dy, weights, image.shape, window(3, s)), convolutionFilterGradient(image, dy, weights.shape, window(3, s))],
    compiled: () => [
      tf.engine().runKernel('Conv2DBackpropInput', { dy, filter: weights }, { ...attributes, inputShape: image.shape }),
      tf.engine().runKernel('Conv2DBackpropFilter', { x: image, dy }, { ...attributes, filterShape: weights.shape }),
    ],
  });
}
{
  const [a, b] = [noise(1, 56, 56, 256), noise(1, 56, 56, 256)];
  cases.push({ name: 'sum and ReLU, 56x56x256', composed: () => void tf.relu(tf.add(a, b)), compiled: () => void nativeAdd(a, b, 'relu') });
}
{
  const network = mobilenetV1.build('mobilenet_v1_tiny', { classes: 10, inputShape: [28, 28, 1] });
  const [images, labels] = [noise(BATCH, 28, 28, 1), tf.oneHot(tf.tensor1d(Array.from({ length: BATCH }, (_, i) => i % 10), 'int32'), 10)];
  const optimizer = tf.train.sgd(0.01);
  const loss = () => /** @type {tf.Scalar} */ (tf.losses.softmaxCrossEntropy(labels, /** @type {tf.Tensor} */ (network.apply(images, { training: true }))));
  cases.push(either(`training step of mobilenet_v1_tiny, batch ${BATCH}`, () => void optimizer.minimize(loss)));
}

/** Milliseconds. @param {() => void} run */
const time = (run) => {
  const start = performance.now();
  tf.tidy(() => run());
  return performance.now() - start;
};
/** Whether the compiled kernels are in. @param {boolean} wanted */
const installed = async (wanted) => {
  uninstall();
  if (!wanted) return [];
  const reports = await install({ patches: NATIVE_PATCHES });
  const missing = reports.find((report) => !report.installed);
  if (missing) throw new Error(`${missing.name}: ${missing.reason}`);
  return reports;
};

const kernels = (await installed(true))[0]?.reason;
/** @type {import('./native-kernels-summary.mjs').Run[]} */
const runs = [...cases.map(({ name }) => ({ name, composed: [], compiled: [] })), { name: 'plain convolution 3x3, 28x28x64', plain: [] }];
for (let round = -1; round < rounds; round++) {
  for (const [i, { composed, compiled }] of cases.entries()) {
    for (const turn of /** @type {const} */ (['composed', 'compiled', 'compiled', 'composed'])) {
      await installed(turn === 'compiled');
      const took = time(turn === 'compiled' ? compiled : composed);
      // The first round warms up.
      if (round >= 0) runs[i]?.[turn]?.push(took);
    }
  }
  for (let turn = 0; turn < 2; turn++) {
    const took = time(plain);
    if (round >= 0) runs.at(-1)?.plain?.push(took);
  }
}
uninstall();

const summary = summarize(runs);
for (const { name, composed, compiled, ratio } of summary.cases) console.log(`${name.padEnd(58)} ${composed.toFixed(2).padStart(8)} ${compiled.toFixed(2).padStart(8)} ms  ${ratio.toFixed(1).padStart(5)} x`);
console.log(`plain convolution 3x3, 28x28x64: ${summary.plain.toFixed(2)} ms; the deformable one takes ${summary.deformableOverPlain.toFixed(2)} times as long`);
await record({
  experiment: 'native-kernels',
  question: "How much time do tfjs-extras' compiled kernels take on wasm, against the same out of other kernels?",
  settings: { rounds, backend: 'wasm', tfjs: tf.version_core, kernels, unit: 'ms' },
  runs,
  summary,
});
