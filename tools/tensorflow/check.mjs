// Runs the contract of every block and layer, a short training and the parity fixtures of ten models on TensorFlow's own library,
// through tfjs-node, which it prepares first. Where it cannot be had it says so and passes.
// `node tools/tensorflow/check.mjs [conv2d]`: rows of the descriptor table whose name begins so, and nothing else.
import { build } from 'esbuild';
import { fork, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { findAddon, loadAddon, preparedFolder, tryAddon } from '../../bench/src/engines/tensorflow-addon.mjs';
import { listFiles, ROOT } from '../workspace.mjs';
import { prepare } from './prepare.mjs';

const NETWORKS = ['resnet_tiny', 'mobilenet_v1_tiny', 'mobilenet_v2_tiny'];
const FIXTURES = 10;
/** Bundled into the repository, so that what it leaves outside is found in node_modules. */
const BUNDLE = path.join(ROOT, 'node_modules', '.cache', 'convkit', 'contract-native.mjs');

/** The contract's code from source; TensorFlow.js stays outside, where the addon finds the same copy. */
async function bundle() {
  mkdirSync(path.dirname(BUNDLE), { recursive: true });
  await build({
    entryPoints: [path.join(ROOT, 'testing/src/contract/native.ts')], bundle: true, format: 'esm', platform: 'node', target: 'es2022', outfile: BUNDLE,
    conditions: ['@convkit/source'], external: ['@tensorflow/*', 'onnxruntime-node', 'onnxruntime-web'], logLevel: 'warning',
  });
}

/** In the child: the addon, then the checks. @param {string} prefix @returns {Promise<number>} how much failed */
async function checkHere(prefix) {
  const addon = findAddon('tensorflow');
  if ('reason' in addon) throw new Error(addon.reason);
  loadAddon(addon);
  const native = /** @type {typeof import('../../testing/src/contract/native.js')} */ (await import(BUNDLE));
  let started = performance.now();
  const seconds = () => `${Math.round((performance.now() - started) / 1000)} s`;
  const { rows, failures } = await native.checkRows(prefix);
  for (const failure of failures) console.log(`FAIL ${failure}`);
  console.log(`contract: ${rows} rows of the descriptor table, ${failures.length} failures, ${seconds()}`);
  for (const line of native.known) console.log(`known: ${line}`);
  let failed = failures.length + (rows === 0 ? 1 : 0);
  if (prefix !== '') return failed;
  started = performance.now();
  for (const id of NETWORKS) {
    const { first, last } = await native.train(id);
    const learns = last < first / 2;
    failed += learns ? 0 : 1;
    console.log(`${learns ? 'ok  ' : 'FAIL'} training ${id}: loss ${first.toFixed(3)} to ${last.toFixed(3)}`);
  }
  console.log(`training: ${NETWORKS.length} networks, ${seconds()}`);
  return failed;
}

/** The parity fixtures of ten models, spread over the families, through the command. @returns {number} how much failed */
function checkParity() {
  const files = readdirSync(path.join(ROOT, 'packages')).flatMap((name) => listFiles(ROOT, `packages/${name}/reference/parity`));
  const step = Math.max(1, Math.floor(files.length / FIXTURES));
  const chosen = files.filter((_, index) => index % step === 0).slice(0, FIXTURES);
  const { status } = spawnSync(process.execPath, ['bench/bin/convkit.js', 'parity', '--engine', 'tensorflow', ...chosen], { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
  return status === 0 ? 0 : 1;
}

/** A folder with a package that works, or why there is none. */
async function prepared() {
  const found = findAddon('tensorflow');
  if (!('reason' in found)) {
    const trial = await tryAddon('tensorflow', found);
    if ('tensorflow' in trial) return { ...trial, dir: process.env.CONVKIT_TFJS_NODE };
  }
  const dir = preparedFolder('tensorflow');
  return prepare({ id: 'tensorflow', dir, say: (line) => console.log(line) }).catch((error) => ({ reason: String(error.message) }));
}

const [argument = ''] = process.argv.slice(2);
if (process.send !== undefined && process.env.CONVKIT_CHECK === 'native') {
  process.exitCode = (await checkHere(argument)) === 0 ? 0 : 1;
  process.disconnect();
} else {
  const ready = await prepared();
  if ('reason' in ready) {
    console.log(`blocks were not checked on TensorFlow's library: it cannot be had here: ${ready.reason}`);
  } else {
    console.log(`TensorFlow ${ready.tensorflow} through @tensorflow/tfjs-node`);
    await bundle();
    const env = { ...process.env, CONVKIT_CHECK: 'native', ...(ready.dir === undefined ? {} : { CONVKIT_TFJS_NODE: ready.dir }) };
    const child = fork(fileURLToPath(import.meta.url), [argument], { env, cwd: ROOT });
    const code = await new Promise((resolve) => child.on('close', (status, signal) => resolve(status ?? signal)));
    const failed = (code === 0 ? 0 : 1) + (argument === '' ? checkParity() : 0);
    console.log(failed === 0 ? "everything holds on TensorFlow's library" : `it does not hold on TensorFlow's library (${code})`);
    process.exitCode = failed === 0 ? 0 : 1;
  }
}
