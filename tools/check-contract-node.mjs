// Runs the contract of every block and layer in Node on wasm-threads and on webgpu (through Dawn). Where there is no GPU, webgpu
// computes on the software GPU of Debian's chromium; where there is neither, or no package `webgpu`, it says so and passes.
// `node tools/check-contract-node.mjs [--short] [backend [prefix]]`: one row of every third export; one backend; rows whose name begins so.
import { checkBackend, NODE_BACKENDS, printReport, surroundings } from './contract.mjs';

const short = process.argv.includes('--short');
const [only, prefix = ''] = process.argv.slice(2).filter((argument) => argument !== '--short');
const known = NODE_BACKENDS.find((backend) => backend === only);
if (only !== undefined && known === undefined) {
  console.error(`the backend must be one of ${NODE_BACKENDS.join(', ')}, got ${JSON.stringify(only)}`);
  process.exit(2);
}
let failed = 0;
for (const backend of known === undefined ? /** @type {const} */ (['wasm-threads', 'webgpu']) : [known]) {
  const here = await surroundings(backend);
  if ('reason' in here) {
    console.log(`blocks were not checked on ${backend}: ${here.reason}`);
    continue;
  }
  failed += printReport(backend, await checkBackend({ backend, choice: { prefix, short }, train: prefix === '' && backend !== 'onnxruntime' ? ['resnet_tiny'] : [] }, here.env));
}
console.log(failed === 0 ? 'what was checked holds' : `${failed} failures`);
process.exitCode = failed === 0 ? 0 : 1;
