// Where the time of a compiled training step goes: onnxruntime's own profile of a network's step, summed by what nodes do, beside
// what the machine reaches in one large matrix product and in a pass over memory.
// usage: node tools/profile-training-step.mjs MODEL [--batch N] [--threads T] [--steps N] [--record NAME]     needs a build
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import * as onnxruntime from 'onnxruntime-node';
import { OnnxWriter } from '@convkit/graph/onnx';
import { encode } from '@convkit/onnx';
import { createTrainer } from '@convkit/train';
import { zoo } from '@convkit/zoo';
import { record } from './experiments/record.mjs';
import { profileRow, workOf } from './profile-work.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { batch: { type: 'string', default: '64' }, threads: { type: 'string', default: '1' }, steps: { type: 'string', default: '10' }, record: { type: 'string' } },
});
const [model = 'resnet20_cifar10'] = positionals;
const [batch, threads, steps] = [Number(values.batch), Number(values.threads), Number(values.steps)];
const WARM_UP = 2;
const load = () => Number((loadavg()[0] ?? 0).toFixed(2));

/**
 * The most that this machine does with one operator now: the best of several runs of a chain x = op(x, y), of which nothing but its maximum comes out.
 * @param {string} type @param {number[]} shape of both inputs and the output @param {number} fill @param {number} work Operations or bytes of one link.
 */
async function peak(type, shape, fill, work) {
  const links = 8;
  const w = new OnnxWriter(17);
  let end = 'x';
  for (let i = 0; i < links; i++) end = w.op(type, [end, 'y']);
  const names = ['x', 'y'];
  const highest = w.reduce('ReduceMax', end, shape.map((_, axis) => axis), false);
  const program = w.program('peak', names.map((name) => ({ name, element: /** @type {const} */ ('float32'), shape })), [{ name: 'highest', value: highest, shape: [] }]);
  const session = await onnxruntime.InferenceSession.create(encode(program, ''), { intraOpNumThreads: threads, logSeverityLevel: 3 });
  const feeds = Object.fromEntries(names.map((name) => [name, new onnxruntime.Tensor('float32', new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(fill), shape)]));
  let best = Infinity;
  for (let i = 0; i < 8; i++) {
    const start = performance.now();
    await session.run(feeds);
    best = Math.min(best, performance.now() - start);
  }
  await session.release();
  return (links * work) / best / 1e6;
}

const folder = mkdtempSync(path.join(tmpdir(), 'convkit-profile-'));
/** @type {import('onnxruntime-node').InferenceSession[]} */
const sessions = [];
/** onnxruntime with its profiler on, as the trainer's option `runtime`. */
const runtime = {
  Tensor: onnxruntime.Tensor,
  InferenceSession: {
    create: async (/** @type {Uint8Array} */ bytes, /** @type {object} */ options) => {
      const session = await onnxruntime.InferenceSession.create(bytes, { ...options, enableProfiling: true, profileFilePrefix: path.join(folder, 'session') });
      sessions.push(session);
      return session;
    },
  },
};

try {
  await tf.setBackend('cpu');
  const before = load();
  const side = 1536;
  const product = await peak('MatMul', [side, side], 1 / side, 2 * side ** 3);
  const floats = 2 ** 20;
  const pass = await peak('Add', [floats], 1, 12 * floats);
  const network = zoo.get(model).build({ classes: 10, seed: 1 });
  const trainer = await createTrainer(network, { threads, optimizer: { kind: 'sgd', momentum: 0.9 }, runtime: /** @type {import('@convkit/onnx').OnnxRuntime} */ (/** @type {unknown} */ (runtime)) });
  const size = (network.inputs[0]?.shape ?? []).slice(1).reduce((/** @type {number} */ total, n) => total * (n ?? 1), batch);
  const images = Float32Array.from({ length: size }, () => Math.random() - 0.5);
  const labels = Array.from({ length: batch }, (_, i) => i % 10);
  for (let i = 0; i < WARM_UP + steps; i++) await trainer.step({ images, labels, size: batch }, 0.01);
  sessions.at(-1)?.endProfiling();
  await trainer.dispose();

  const newest = readdirSync(folder).sort().at(-1);
  if (newest === undefined) throw new Error('onnxruntime wrote no profile');
  /** @type {import('./profile-work.mjs').ProfileEvent[]} */
  const events = JSON.parse(readFileSync(path.join(folder, newest), 'utf8'));
  const begin = events.filter(({ name }) => name === 'model_run').map(({ ts }) => ts).sort((a, b) => a - b)[WARM_UP] ?? 0;
  /** @type {Map<string, { milliseconds: number, nodes: number, operations: number, bytes: number }>} */
  const kinds = new Map();
  for (const event of events) {
    if (event.cat !== 'Node' || !event.name.endsWith('_kernel_time') || event.ts < begin) continue;
    const { kind, operations, bytes } = workOf(event);
    const row = kinds.get(kind) ?? { milliseconds: 0, nodes: 0, operations: 0, bytes: 0 };
    kinds.set(kind, { milliseconds: row.milliseconds + event.dur / 1000 / steps, nodes: row.nodes + 1 / steps, operations: row.operations + operations / steps, bytes: row.bytes + bytes / steps });
  }
  const rows = [...kinds].map(([what, row]) => ({ what, ...row })).sort((a, b) => b.milliseconds - a.milliseconds);
  const total = rows.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const after = load();
  console.log(`${model}, batch ${batch}, threads ${threads}, load ${before} before, ${after} after`);
  console.log(`a product of ${side} x ${side}: ${product.toFixed(0)} GFLOP/s; a sum of ${4 * floats / 2 ** 20} MiB each: ${pass.toFixed(0)} GB/s\n`);
  console.log(`| what | ms a step | share | nodes | of the peak |\n| --- | --: | --: | --: | --: |`);
  for (const row of rows) console.log(profileRow(row, total, { gigaflops: product, gigabytes: pass }));
  console.log(`| all | ${total.toFixed(1)} | | | |`);
  if (values.record !== undefined) {
    await record({
      experiment: values.record, script: 'tools/profile-training-step.mjs', question: 'Where does the time of a compiled training step go, and how far is it from what the machine can do?',
      settings: { model, batch, threads, steps, load: { before, after } }, runs: rows, summary: { milliseconds: total, peak: { gigaflops: product, gigabytes: pass } },
    });
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
