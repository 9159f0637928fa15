// Exports variants of the zoo with random weights to ONNX, runs them in onnxruntime and compares one image with tfjs on
// wasm; looks that no batch norm is left and that only the input is transposed. Needs a build.
// `node tools/check-onnx.mjs` takes the cheapest variant of every family and ShuffleNet v2, `--all` every one below 100 M
// parameters, in child processes; names take those. `--python FILE` also runs the ONNX checker of that interpreter
// (default: python3, where it has the package onnx).
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { createSession, toOnnx, toProgram } from '@convkit/onnx';
import { registerLayers, zoo } from '@convkit/zoo';

const TOLERANCE = 1e-4;
/** How much of the output may move when the input does by 1e-6, which is ten roundings. */
const SENSITIVITY = 1e-5;
const LARGEST = 100_000_000;
/** Variants a child process: the wasm heap never shrinks. */
const CHUNK = 6;
const CHECKER = 'import sys, onnx; [onnx.checker.check_model(p, full_check=True) for p in sys.argv[1:]]';

const { values: flags, positionals } = parseArgs({ allowPositionals: true, options: { all: { type: 'boolean' }, python: { type: 'string' } } });

/** The interpreter that runs the checker, or why there is none. @returns {{ python: string } | { reason: string }} */
function findPython() {
  const python = flags.python ?? 'python3';
  const { status, error } = spawnSync(python, ['-c', 'import onnx']);
  if (status === 0) return { python };
  const reason = error === undefined ? `${python} has no package onnx` : `${python} does not start (${error.message})`;
  if (flags.python !== undefined) throw new Error(`--python: ${reason}`);
  return { reason };
}

/** The cheapest variant of each family, and one with shuffles. @param {ReturnType<typeof zoo.list>} rows */
function few(rows) {
  const cheapest = [...new Set(rows.map(({ family }) => family))].map((family) => {
    const mine = rows.filter((row) => row.family === family);
    return mine.reduce((best, row) => ((row.macs ?? Infinity) < (best.macs ?? Infinity) ? row : best));
  });
  return [...new Set([...cheapest.map(({ id }) => id), 'shufflenet_v2_x1_0'])];
}

/** Statistics of batch norm that are not those of a new one. @param {import('@tensorflow/tfjs-layers').LayersModel} model @param {number} gamma */
function disturb(model, gamma) {
  tf.tidy(() => model.setWeights(model.weights.map((weight, i) => {
    const value = weight.read();
    if (weight.originalName.endsWith('gamma')) return tf.randomUniform(value.shape, 0.8 * gamma, 1.2 * gamma, 'float32', i + 1);
    if (weight.originalName.endsWith('moving_variance')) return tf.randomUniform(value.shape, 0.8, 1.2, 'float32', i + 1);
    return /(beta|moving_mean)$/.test(weight.originalName) ? tf.randomUniform(value.shape, -0.1, 0.1, 'float32', i + 1) : value;
  })));
}

/** Largest difference over the largest element. @param {tf.Tensor} a @param {tf.Tensor} b */
const difference = (a, b) => tf.tidy(() => (tf.max(tf.abs(tf.sub(a, b))).dataSync()[0] ?? NaN) / (tf.max(tf.abs(b)).dataSync()[0] ?? NaN));

/**
 * What a network with random weights predicts. Deep sums of unnormalised branches make a rounding error into half of the
 * output (SE-ResNet-152: an input moved by 1e-6 moves it by 0.4): such a network gets smaller branches, or nothing could be compared.
 * @param {import('@tensorflow/tfjs-layers').LayersModel} model @param {tf.Tensor} x
 */
function stablePrediction(model, x) {
  const predict = (/** @type {tf.Tensor} */ image) => /** @type {tf.Tensor} */ ([model.predict(image)].flat()[0]);
  for (const gamma of [1, 0.5, 0.25]) {
    disturb(model, gamma);
    const expected = predict(x);
    const moved = tf.tidy(() => predict(tf.add(x, tf.mul(1e-6, tf.randomNormal(x.shape, 0, 1, 'float32', 11)))));
    const sensitivity = difference(moved, expected);
    moved.dispose();
    if (sensitivity < SENSITIVITY) return expected;
    expected.dispose();
  }
  throw new Error('no random weights were found that do not amplify rounding errors');
}

/** @param {string} id @param {string} folder @returns {Promise<string>} the file */
async function check(id, folder) {
  const { build, input } = zoo.get(id);
  const model = build({ seed: 1 });
  const x = tf.randomNormal([1, ...input], 0, 1, 'float32', 7);
  const expected = stablePrediction(model, x);
  const { nodes } = await toProgram(model);
  const bytes = await toOnnx(model);
  model.dispose();
  const body = nodes.map(({ type }) => type);
  if (body.includes('BatchNormalization')) throw new Error(`${id}: a batch norm is left`);
  const transposes = body.filter((type) => type === 'Transpose').length;
  if (transposes > 1 || body.indexOf('Transpose') > 0) throw new Error(`${id}: ${transposes} transposes, one at the input is allowed`);
  const session = await createSession(bytes, { threads: 1, spinning: false });
  const actual = /** @type {tf.Tensor} */ (await session.predict(x));
  await session.dispose();
  const relative = difference(actual, expected);
  tf.dispose([x, expected, actual]);
  if (!(relative <= TOLERANCE)) throw new Error(`${id}: differs by ${relative} of the largest output, allowed is ${TOLERANCE}`);
  console.log(`ok: ${id.padEnd(36)} ${relative.toExponential(1)}, ${nodes.length} nodes, ${(bytes.length / 1e6).toFixed(1)} MB`);
  const file = path.join(folder, `${id}.onnx`);
  writeFileSync(file, bytes);
  return file;
}

const rows = zoo.list().filter(({ params = 0 }) => params < LARGEST);
const ids = positionals.length > 0 ? positionals : flags.all ? rows.map(({ id }) => id) : few(rows);
const found = findPython();
/** @type {string[]} */
const failures = [];
if (ids.length > CHUNK && flags.all) {
  for (let start = 0; start < ids.length; start += CHUNK) {
    const { status } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), ...ids.slice(start, start + CHUNK), ...(flags.python === undefined ? [] : ['--python', flags.python])], { stdio: 'inherit' });
    if (status !== 0) failures.push(`one of ${ids.slice(start, start + CHUNK).join(', ')}`);
  }
} else {
  await tf.setBackend('wasm');
  registerLayers();
  const folder = mkdtempSync(path.join(tmpdir(), 'convkit-onnx-'));
  try {
    for (const id of ids) {
      try {
        const file = await check(id, folder);
        if ('python' in found) execFileSync(found.python, ['-c', CHECKER, file], { stdio: ['ignore', 'ignore', 'inherit'] });
        rmSync(file);
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error));
        console.error(`failed: ${failures.at(-1)}`);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  console.log('python' in found ? `the ONNX checker of ${found.python} has seen them` : `the ONNX checker did not run: ${found.reason}`);
}
if (failures.length > 0) {
  console.error(`${failures.length} failed:\n${failures.join('\n')}`);
  process.exit(1);
}
console.log(`${ids.length} variants agree with tfjs in onnxruntime`);
