// Whether an autoencoder puts images together better when its pools hand their "where" to the decoder (Zhao et al. 2015, section 4.1):
// the same network on Fashion-MNIST, its unpools told the places of the maxima, soft positions, or nothing. All else is the same:
// images, order, weights of the losses, steps. Recorded is the mean squared error a pixel on the test images.
// Needs a build, onnxruntime-node and Fashion-MNIST. Writes results/what-where.json.
import '@tensorflow/tfjs-backend-wasm';
import { batches, normalizeImages } from '@convkit/data';
import { loadDataset } from '@convkit/data/node';
import { cosineSchedule, createTrainer } from '@convkit/train';
import { whatWhereAutoencoder, whatWhereTraining } from '@convkit/what-where';
import * as tf from '@tensorflow/tfjs-core';
import { input, model } from '@tensorflow/tfjs-layers';
import { integerOptions, mean, record } from './record.mjs';

const { seeds, steps, batch } = integerOptions({ seeds: 3, steps: 400, batch: 64 });
const RATE = 2e-3;
// The paper's (16)5c-(32)3c-4p: what the decoder's convolutions reach must be wider than a window, or places leave holes.
const STAGES = [{ convolutions: [{ filters: 16, kernelSize: 5, padding: 2 }, { filters: 32, kernelSize: 3, padding: 1 }], poolSize: 4 }];
const WEIGHTS = { reconstruction: 1 };
const WHERES = /** @type {const} */ (['hard', 'soft', 'none']);

await tf.setBackend('wasm');
const dataset = await loadDataset('fashion-mnist');
const [height, width] = dataset.imageShape;
const pixels = height * width;
const test = normalizeImages(dataset.test.images);

/** Mean squared error a pixel over the test images. @param {import('@convkit/train').Trainer} trainer */
async function errorOf(trainer) {
  let sum = 0;
  const part = 500;
  for (let start = 0; start < dataset.test.size; start += part) {
    const images = test.subarray(start * pixels, (start + part) * pixels);
    const made = await trainer.predict(images, part);
    for (let i = 0; i < made.length; i++) sum += ((made[i] ?? Number.NaN) - (images[i] ?? Number.NaN)) ** 2;
  }
  return sum / test.length;
}

const runs = [];
for (let seed = 1; seed <= seeds; seed++) {
  for (const where of WHERES) {
    const x = input({ shape: [height, width, 1] });
    const { outputs, loss, targets } = whatWhereTraining(whatWhereAutoencoder(x, { stages: STAGES, where, seed, name: 'net' }), WEIGHTS);
    const network = model({ inputs: x, outputs });
    const trainer = await createTrainer(network, { loss, optimizer: { kind: 'adam' }, seed });
    const share = cosineSchedule({ steps });
    const started = performance.now();
    let [step, late] = [0, /** @type {number[]} */ ([])];
    for (let epoch = 0; step < steps; epoch++) {
      for (const { images, size } of batches(dataset.train, { batchSize: batch, seed, epoch, dropRemainder: true })) {
        if (step === steps) break;
        const values = normalizeImages(images);
        const result = await trainer.step({ images: values, targets: targets(values), size }, RATE * share(step++));
        if (step > 0.9 * steps) late.push(result.loss);
      }
    }
    const error = await errorOf(trainer);
    runs.push({ where, seed, parameters: network.countParams(), lossAtTheEnd: mean(late), error });
    console.log(`seed ${seed} ${where.padEnd(5)} loss ${mean(late).toFixed(3)}, squared error a pixel ${error.toFixed(5)} after ${((performance.now() - started) / 1000).toFixed(0)} s`);
    await trainer.dispose();
    network.dispose();
  }
}

const of = (/** @type {string} */ name) => runs.filter(({ where }) => where === name).map(({ error }) => error);
await record({
  experiment: 'what-where',
  question: 'How much smaller is the error of a reconstruction that is told where?',
  settings: { dataset: { name: dataset.name, sha256: dataset.sha256, train: dataset.train.size, test: dataset.test.size }, stages: STAGES, weights: WEIGHTS, engine: 'onnxruntime', optimizer: 'adam', learningRate: RATE, schedule: 'cosine', steps, batch },
  runs,
  summary: { error: Object.fromEntries(WHERES.map((where) => [where, mean(of(where))])), ratios: of('hard').map((error, i) => error / (of('none')[i] ?? Number.NaN)) },
});
