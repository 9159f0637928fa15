// Compares our networks in onnxruntime with PyTorch, PyTorch's own ONNX export and other engines: both processes stay, and take turns of a few steps
// (A B B A a round), so that the two times of a pair are taken within seconds. Needs a Python with torch and torchvision.
// usage: node tools/peers/compare.mjs --models resnet18,... --threads 1,2 [--task infer|train] [--batch N] [--size PX] [--rounds R]
//        [--runs R: steps that are timed a turn, behind one that is not] [--python python3] [--exports FOLDER of torch-MODEL.onnx] [--engines wasm,...]
//        [--record NAME] writes tools/experiments/results/NAME.json
import { loadavg } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { record } from '../experiments/record.mjs';
import { meansOf, rowOf } from './summary.mjs';
import { takeTurns } from './turns.mjs';

const here = import.meta.dirname;
const { values } = parseArgs({
  options: {
    models: { type: 'string' }, threads: { type: 'string', default: '1' }, task: { type: 'string', default: 'infer' }, batch: { type: 'string', default: '1' }, size: { type: 'string', default: '224' },
    rounds: { type: 'string', default: '4' }, runs: { type: 'string', default: '3' }, python: { type: 'string', default: 'python3' }, exports: { type: 'string' }, engines: { type: 'string', default: '' }, record: { type: 'string' },
  },
});
if (values.models === undefined) throw new Error('--models must name at least one model');

const shared = (threads) => ['--task', values.task, '--batch', values.batch, '--size', values.size, '--threads', String(threads), '--turns'];
const peers = (model, threads) => {
  const node = (what, ...more) => [process.execPath, [path.join(here, 'convkit_peer.mjs'), what, ...shared(threads), ...more]];
  return {
    ours: node(model),
    torch: [values.python, [path.join(here, 'torch_peer.py'), model.replace('_cifar10', ''), ...shared(threads), '--mode', 'channels_last']],
    ...(values.exports === undefined ? {} : { export: node(path.join(values.exports, `torch-${model}.onnx`)) }),
    ...Object.fromEntries(values.engines.split(',').filter(Boolean).map((engine) => [engine, node(model, '--engine', engine)])),
  };
};

console.log(`load before: ${loadavg().map((n) => n.toFixed(2)).join(' ')}`);
const runs = [];
for (const model of values.models.split(',')) {
  for (const threads of values.threads.split(',').map(Number)) {
    const { ours, ...others } = peers(model, threads);
    for (const [peer, command] of Object.entries(others)) {
      let pairs;
      try {
        pairs = await takeTurns(ours, command, { rounds: Number(values.rounds), steps: Number(values.runs) });
      } catch (error) {
        console.error(`${model}, ${peer}: ${error.message}`);
        continue;
      }
      runs.push({ model, threads, peer, load: Number((loadavg()[0] ?? 0).toFixed(2)), pairs });
      console.error(Object.values(rowOf(runs.at(-1))).join('  '));
    }
  }
}
console.table(runs.map(rowOf));
console.log(`load after: ${loadavg().map((n) => n.toFixed(2)).join(' ')}`);
if (values.record !== undefined) {
  const { models: _, record: experiment, python: __, exports: ___, ...settings } = values;
  await record({
    experiment, script: 'tools/peers/compare.mjs',
    question: 'How many times our time do others take for the same network, in two processes that take turns?',
    settings, runs, summary: { rows: runs.map(rowOf), means: meansOf(runs) },
  });
}
