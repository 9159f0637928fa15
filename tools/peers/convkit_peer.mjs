// Times one of our networks in onnxruntime (or any ONNX file), or a training step, and prints JSON lines as torch_peer.py does.
// usage: node tools/peers/convkit_peer.mjs MODEL|FILE.onnx --task infer|train --batch N --size PX --threads T --runs R|--turns [--engine onnxruntime|wasm|tensorflow]
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { median } from '@convkit/bench/statistics';
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    task: { type: 'string', default: 'infer' }, batch: { type: 'string', default: '1' }, size: { type: 'string', default: '224' },
    threads: { type: 'string', default: '2' }, runs: { type: 'string', default: '15' }, warmup: { type: 'string', default: '3' }, engine: { type: 'string', default: 'onnxruntime' }, turns: { type: 'boolean', default: false },
  },
});
const [model = ''] = positionals;
const [batch, size, threads, runs, warmup] = [values.batch, values.size, values.threads, values.runs, values.warmup].map(Number);

/** A network of the zoo; `mobilenet_v2_cifar` is MobileNetV2 with stride 1 in its first convolution and its second stage, as is usual at 32x32. */
async function network(id, options) {
  if (id !== 'mobilenet_v2_cifar') return (await import('@convkit/zoo')).zoo.get(id).build(options);
  const { mobilenetV2, MOBILENETS_V2 } = await import('@convkit/depthwise');
  const { params: _, macs: __, input: ___, ...row } = MOBILENETS_V2.mobilenet_v2;
  const stages = row.stages.map((stage, i) => (i === 1 ? { ...stage, stride: 1 } : stage));
  return mobilenetV2.build({ ...row, stem: { ...row.stem, stride: 1 }, stages, macsAt: undefined }, options);
}

/** Makes another engine than onnxruntime the current one: a backend of TensorFlow.js, TensorFlow's own library among them. */
async function useTfjs(engine) {
  if (engine === 'tensorflow') {
    process.env.TF_NUM_INTRAOP_THREADS = String(threads);
    const { findAddon, loadAddon } = await import('../../bench/src/engines/tensorflow-addon.mjs');
    const addon = findAddon('tensorflow');
    if ('reason' in addon) throw new Error(`${addon.reason}; ${addon.hint}`);
    loadAddon(addon);
  } else if (engine === 'wasm') await import('@tensorflow/tfjs-backend-wasm');
  await tf.setBackend(engine);
}

async function inference() {
  if (values.engine !== 'onnxruntime') {
    await useTfjs(values.engine);
    const net = await network(model, { inputShape: [size, size, 3], seed: 1 });
    const x = tf.randomUniform([batch, size, size, 3], -0.5, 0.5);
    return async () => {
      const y = net.predict(x);
      await y.data();
      y.dispose();
    };
  }
  const { createSession } = await import('@convkit/onnx');
  const source = model.endsWith('.onnx') ? new Uint8Array(readFileSync(model)) : await network(model, { inputShape: [size, size, 3], seed: 1 });
  const session = await createSession(source, { threads, inputLayout: 'nchw' });
  const input = { data: Float32Array.from({ length: batch * 3 * size * size }, () => Math.random() - 0.5), shape: [batch, 3, size, size] };
  return () => session.run([input]);
}

async function training() {
  const { createTrainer } = await import('@convkit/train');
  if (values.engine !== 'onnxruntime') await useTfjs(values.engine);
  const net = await network(model, { inputShape: [size, size, 3], classes: 10, seed: 1 });
  const trainer = await createTrainer(net, { engine: values.engine === 'onnxruntime' ? 'onnxruntime' : 'tfjs', threads, optimizer: { kind: 'sgd', momentum: 0.9 } });
  const images = Float32Array.from({ length: batch * size * size * 3 }, () => Math.random() - 0.5);
  const labels = Array.from({ length: batch }, (_, i) => i % 10);
  return () => trainer.step({ images, labels, size: batch }, 0.01);
}

await tf.setBackend('cpu');
const step = values.task === 'train' ? await training() : await inference();
for (let i = 0; i < warmup; i++) await step();

/** Milliseconds of each of some steps. */
async function timed(count) {
  const ms = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await step();
    ms.push(Number((performance.now() - start).toFixed(3)));
  }
  return ms;
}

const what = { peer: `convkit ${values.engine}`, model, task: values.task, batch, size, threads };
if (values.turns) {
  console.log(JSON.stringify({ ready: what }));
  for await (const line of createInterface({ input: process.stdin })) {
    await step();
    console.log(JSON.stringify({ ms: await timed(Number(line)) }));
  }
} else {
  const ms = await timed(runs);
  console.log(JSON.stringify({ ...what, median_ms: Number(median(ms).toFixed(3)), ms }));
}
process.exit(0);
