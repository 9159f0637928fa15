// Where the time of a compiled training step goes: onnxruntime's own profile of a network's step, summed by operator.
// usage: node tools/profile-training-step.mjs MODEL [--batch N] [--threads T] [--steps N]     needs a build
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import * as onnxruntime from 'onnxruntime-node';
import { createTrainer } from '@convkit/train';
import { zoo } from '@convkit/zoo';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { batch: { type: 'string', default: '64' }, threads: { type: 'string', default: '1' }, steps: { type: 'string', default: '10' } } });
const [model = 'resnet20_cifar10'] = positionals;
const batch = Number(values.batch);
const threads = Number(values.threads);
const steps = Number(values.steps);
const WARM_UP = 2;

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
  const network = zoo.get(model).build({ classes: 10, seed: 1 });
  const trainer = await createTrainer(network, { threads, optimizer: { kind: 'sgd', momentum: 0.9 }, runtime: /** @type {import('@convkit/onnx').OnnxRuntime} */ (/** @type {unknown} */ (runtime)) });
  const size = (network.inputs[0]?.shape ?? []).slice(1).reduce((/** @type {number} */ product, n) => product * (n ?? 1), batch);
  const images = Float32Array.from({ length: size }, () => Math.random() - 0.5);
  const labels = Array.from({ length: batch }, (_, i) => i % 10);
  console.log(`${model}, batch ${batch}, threads ${threads}, load before ${(loadavg()[0] ?? 0).toFixed(2)}`);
  for (let i = 0; i < WARM_UP + steps; i++) await trainer.step({ images, labels, size: batch }, 0.01);
  sessions.at(-1)?.endProfiling();
  await trainer.dispose();

  const newest = readdirSync(folder).sort().at(-1);
  if (newest === undefined) throw new Error('onnxruntime wrote no profile');
  /** @type {{ cat: string, name: string, ts: number, dur: number, args?: { op_name?: string } }[]} */
  const events = JSON.parse(readFileSync(path.join(folder, newest), 'utf8'));
  const begin = events.filter(({ name }) => name === 'model_run').map(({ ts }) => ts).sort((a, b) => a - b)[WARM_UP] ?? 0;
  /** @type {Map<string, { milliseconds: number, nodes: number }>} */
  const byOperator = new Map();
  for (const { cat, name, ts, dur, args } of events) {
    if (cat !== 'Node' || !name.endsWith('_kernel_time') || ts < begin) continue;
    const row = byOperator.get(args?.op_name ?? '') ?? { milliseconds: 0, nodes: 0 };
    byOperator.set(args?.op_name ?? '', { milliseconds: row.milliseconds + dur / 1000 / steps, nodes: row.nodes + 1 / steps });
  }
  const rows = [...byOperator].sort(([, a], [, b]) => b.milliseconds - a.milliseconds);
  const total = rows.reduce((sum, [, { milliseconds }]) => sum + milliseconds, 0);
  console.log(`\n| operator | ms a step | share | nodes |\n| --- | --: | --: | --: |`);
  for (const [operator, { milliseconds, nodes }] of rows) console.log(`| ${operator} | ${milliseconds.toFixed(1)} | ${(100 * milliseconds / total).toFixed(1)} % | ${nodes.toFixed(0)} |`);
  console.log(`| all | ${total.toFixed(1)} | | |\n\nload after ${(loadavg()[0] ?? 0).toFixed(2)}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
