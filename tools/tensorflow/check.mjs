// Runs the contract of every block and layer, a short training and the parity fixtures of ten models on TensorFlow's own library,
// through tfjs-node, which it prepares first. Where it cannot be had it says so and passes.
// `node tools/tensorflow/check.mjs [conv2d]`: rows of the descriptor table whose name begins so, and nothing else.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { findAddon, preparedFolder, tryAddon } from '../../bench/src/engines/tensorflow-addon.mjs';
import { checkBackend, printReport } from '../contract.mjs';
import { listFiles, ROOT } from '../workspace.mjs';
import { prepare } from './prepare.mjs';

const NETWORKS = ['resnet_tiny', 'mobilenet_v1_tiny', 'mobilenet_v2_tiny'];
const FIXTURES = 10;

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

const [prefix = ''] = process.argv.slice(2);
const ready = await prepared();
if ('reason' in ready) {
  console.log(`blocks were not checked on TensorFlow's library: it cannot be had here: ${ready.reason}`);
} else {
  console.log(`TensorFlow ${ready.tensorflow} through @tensorflow/tfjs-node`);
  const task = /** @type {const} */ ({ backend: 'tensorflow', choice: { prefix, short: false }, train: prefix === '' ? NETWORKS : [] });
  const failed = printReport('tensorflow', await checkBackend(task, ready.dir === undefined ? {} : { CONVKIT_TFJS_NODE: ready.dir })) + (prefix === '' ? checkParity() : 0);
  console.log(failed === 0 ? "everything holds on TensorFlow's library" : `${failed} failures on TensorFlow's library`);
  process.exitCode = failed === 0 ? 0 : 1;
}
