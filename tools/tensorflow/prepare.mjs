// Prepares a working @tensorflow/tfjs-node outside the repository's node_modules, in the folder where the benchmark looks for it.
// `node tools/tensorflow/prepare.mjs [--dir FOLDER] [--gpu] [--from download|wheel] [--wheel FILE]`; README.md beside it says how and why.
// Ends with 0 when the package works (at once if it did before), 2 for wrong options, 4 when it cannot be had here.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ADDON_PACKAGES, findAddon, preparedFolder, tryAddon } from '../../bench/src/engines/tensorflow-addon.mjs';
import { isMain } from '../workspace.mjs';

/** @typedef {import('../../bench/src/engines/tensorflow-addon.mjs').AddonId} AddonId @typedef {import('../../bench/src/engines/tensorflow-addon.mjs').Trial} Trial */
/** @typedef {{ id: AddonId, dir: string, from?: 'download' | 'wheel', wheel?: string, say?: (line: string) => void }} Options */

const TFJS_NODE = '4.22.0';
/** The last that runs on Node 20.19. */
const NODE_GYP = '11.4.2';
/** The TensorFlow whose library is taken; the addon uses the C API, which is stable from one to the next. */
const TENSORFLOW = '2.21.0';
const WHEELS = { tensorflow: 'tensorflow-cpu', 'tensorflow-gpu': 'tensorflow' };
/** The library does not depend on Python, but every wheel is of one: this one has them all. */
const WHEEL_PYTHON = ['--python-version', '3.12', '--implementation', 'cp', '--abi', 'cp312', '--only-binary=:all:'];
const STORAGE = process.env.TFJS_NODE_CDN_STORAGE ?? process.env.CDN_STORAGE ?? 'https://storage.googleapis.com/';
const REACH_MS = 15_000;
const STEP_MS = 20 * 60_000;

/** Takes the two libraries and the C API's headers out of a wheel. Arguments: the wheel, the folder. */
const UNPACK = `
import os, shutil, sys, zipfile
wheel, folder = sys.argv[1:]
headers = ('tensorflow/c/', 'tensorflow/core/platform/', 'tsl/', 'xla/tsl/')
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        base = os.path.basename(name)
        if name.startswith('tensorflow/lib') and name.count('/') == 1 and base in ('libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'):
            target = os.path.join(folder, 'lib', base)
        elif name.startswith(tuple('tensorflow/include/' + part for part in headers)) and name.endswith('.h'):
            target = os.path.join(folder, 'include', name[len('tensorflow/include/'):])
        else:
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with archive.open(name) as source, open(target, 'wb') as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
`;

/** What this machine lacks; the message says what and what to do. */
class CannotBeHad extends Error {}

/**
 * Runs a program to its end. Throws with what it said last when it fails.
 * @param {string} what  for the message
 * @param {string} command @param {string[]} args @param {import('node:child_process').SpawnOptions} [options]
 * @returns {Promise<string>} its stdout
 */
function run(what, command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { timeout: STEP_MS, ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let [out, all] = ['', ''];
    child.stdout?.on('data', (chunk) => {
      out += String(chunk);
      all += String(chunk);
    });
    child.stderr?.on('data', (chunk) => (all += String(chunk)));
    child.on('error', (error) => reject(new CannotBeHad(`${what}: ${command} does not start: ${error.message}`)));
    child.on('close', (code, signal) => {
      if (code === 0) resolve(out);
      else reject(new CannotBeHad(`${what} failed (${signal ?? `exit code ${code}`}):\n${all.trim().split('\n').slice(-8).map((line) => `    ${line}`).join('\n')}`));
    });
  });
}

/** The first of the commands that starts. @param {readonly string[]} commands @param {string[]} args */
const firstThatStarts = (commands, args) => commands.find((command) => spawnSync(command, args, { stdio: 'ignore' }).status === 0);

/** npm as the process that runs this would start it. @param {string[]} args @returns {[string, string[]]} */
function npm(args) {
  const script = process.env.npm_execpath;
  return script !== undefined && /npm-cli\.[cm]?js$/.test(script) ? [process.execPath, [script, ...args]] : [process.platform === 'win32' ? 'npm.cmd' : 'npm', args];
}

/** What the way through the wheel needs, named all at once. @returns {string} Python */
function checkTools() {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new CannotBeHad(`the library can be taken out of a wheel on Linux x64 only, and this is ${process.platform} ${process.arch}`);
  const python = firstThatStarts(['python3', 'python'], ['-c', 'import sys; sys.exit(sys.version_info < (3, 8))']);
  const missing = [
    ...(python === undefined ? ['Python 3.8 or later (python3)'] : []),
    ...(python !== undefined && firstThatStarts([python], ['-m', 'pip', '--version']) === undefined ? [`pip (${python} -m pip)`] : []),
    ...(firstThatStarts([process.env.CXX ?? 'c++', 'g++', 'clang++'], ['--version']) === undefined ? ['a C++ compiler (g++)'] : []),
    ...(firstThatStarts(['make'], ['--version']) === undefined ? ['make'] : []),
  ];
  if (missing.length > 0) throw new CannotBeHad(`to build the addon this machine lacks ${missing.join(', ')}; on Debian: apt-get install python3-pip g++ make`);
  return /** @type {string} */ (python);
}

/** Where Node's own headers lie; without them node-gyp downloads them. */
function nodeHeaders() {
  const own = path.dirname(path.dirname(process.execPath));
  return [process.env.npm_config_nodedir, own, '/usr'].find((folder) => folder !== undefined && existsSync(path.join(folder, 'include', 'node', 'node_api.h')));
}

/** Whether the host of the prebuilt library answers. */
async function storageAnswers() {
  try {
    await fetch(new URL('tensorflow/libtensorflow/libtensorflow-cpu-linux-x86_64-2.9.1.tar.gz', STORAGE), { method: 'HEAD', signal: AbortSignal.timeout(REACH_MS) });
    return true;
  } catch {
    return false;
  }
}

/** The package's own way: its install script downloads library and addon. @param {string} dir @param {string} name */
async function installAsPublished(dir, name) {
  await run('the install script of the package', ...npm(['rebuild', '--ignore-scripts=false', name]), { cwd: dir });
}

/** The addon built here against the library inside TensorFlow's Python wheel. @param {string} dir @param {Options} options @param {(line: string) => void} say */
async function buildOnWheel(dir, { id, wheel }, say) {
  const python = checkTools();
  let file = wheel;
  if (file === undefined) {
    const wanted = `${WHEELS[id]}==${TENSORFLOW}`;
    say(`downloading ${wanted} (${id === 'tensorflow' ? '270' : '600'} MB) with pip`);
    const folder = path.join(dir, 'wheel');
    await run(`pip download ${wanted}`, python, ['-m', 'pip', 'download', '--no-deps', '--quiet', ...WHEEL_PYTHON, '--dest', folder, wanted]);
    const name = readdirSync(folder).find((entry) => entry.endsWith('.whl'));
    if (name === undefined) throw new CannotBeHad(`pip download ${wanted} gave no wheel`);
    file = path.join(folder, name);
  }
  const root = path.join(dir, 'node_modules', ADDON_PACKAGES[id]);
  const deps = path.join(root, 'deps');
  rmSync(deps, { recursive: true, force: true });
  say('unpacking its library and headers');
  await run(`unpacking ${path.basename(file)}`, python, ['-c', UNPACK, file, deps]);
  const lib = path.join(deps, 'lib');
  // The names that binding.gyp links with; at run time the library is found by the name it has in itself.
  for (const [link, target] of [['libtensorflow.so', 'libtensorflow_cc.so.2'], ['libtensorflow_framework.so', 'libtensorflow_framework.so.2']]) {
    if (!existsSync(path.join(lib, target))) throw new CannotBeHad(`${path.basename(file)} has no ${target}`);
    chmodSync(path.join(lib, target), 0o755);
    symlinkSync(target, path.join(lib, link));
  }
  rmSync(path.join(dir, 'wheel'), { recursive: true, force: true });
  say('building the addon with node-gyp');
  const headers = nodeHeaders();
  await run('node-gyp', process.execPath, [
    path.join(dir, 'node_modules', '@mapbox', 'node-pre-gyp', 'bin', 'node-pre-gyp'), 'install', '--build-from-source', ...(headers === undefined ? [] : [`--nodedir=${headers}`]),
  ], { cwd: root, env: { ...process.env, PYTHON: python, npm_config_node_gyp: path.join(dir, 'node_modules', 'node-gyp', 'bin', 'node-gyp.js') } });
  rmSync(path.join(root, 'build'), { recursive: true, force: true });
}

/** Whether the package in `dir` computes, and with which TensorFlow. @param {AddonId} id @param {string} dir */
async function trialOf(id, dir) {
  const addon = findAddon(id, { env: { ...process.env, CONVKIT_TFJS_NODE: dir } });
  return 'reason' in addon ? addon : tryAddon(id, addon);
}

/**
 * Makes `dir` hold a package that works. Everything is built in a folder beside it and moved there when it has computed, so
 * that a run that is stopped leaves what was there before.
 * @param {Options} options
 * @returns {Promise<Trial & { dir: string, fresh: boolean }>} Throws CannotBeHad.
 */
export async function prepare(options) {
  const { id, dir, from, say = () => undefined } = options;
  const before = existsSync(dir) ? await trialOf(id, dir) : undefined;
  if (before !== undefined && 'tensorflow' in before) return { ...before, dir, fresh: false };
  if (before !== undefined && readdirSync(dir).some((name) => !['node_modules', 'package.json', 'package-lock.json'].includes(name))) {
    throw new CannotBeHad(`${dir} holds something else (${before.reason}): name a folder that may be replaced`);
  }
  const name = ADDON_PACKAGES[id];
  const work = `${dir}.unfinished-${process.pid}`;
  const leave = () => rmSync(work, { recursive: true, force: true });
  const stopped = () => {
    leave();
    process.exit(130);
  };
  process.once('SIGINT', stopped).once('SIGTERM', stopped);
  try {
    mkdirSync(work, { recursive: true });
    writeFileSync(path.join(work, 'package.json'), '{ "private": true }\n');
    say(`installing ${name} ${TFJS_NODE} with npm`);
    await run('npm install', ...npm(['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', `${name}@${TFJS_NODE}`, `node-gyp@${NODE_GYP}`]), { cwd: work });
    const reachable = from === undefined && options.wheel === undefined ? await storageAnswers() : from === 'download';
    let published = false;
    if (reachable) {
      say('running its install script, which downloads a library and an addon');
      published = await installAsPublished(work, name).then(async () => 'tensorflow' in (await trialOf(id, work)), (error) => {
        if (from === 'download') throw error;
        say(String(error.message));
        return false;
      });
      if (!published && from === 'download') throw new CannotBeHad(`what the install script of ${name} downloaded does not work here`);
    } else {
      say(`${STORAGE} does not answer or is not asked: the addon is built on TensorFlow's Python wheel`);
    }
    if (!published) await buildOnWheel(work, options, say);
    const after = await trialOf(id, work);
    // A build without a GPU at hand is complete; it is the machine that cannot use it.
    if ('reason' in after) throw new CannotBeHad(after.reason);
    rmSync(dir, { recursive: true, force: true });
    renameSync(work, dir);
    return { ...after, dir, fresh: true };
  } finally {
    process.off('SIGINT', stopped).off('SIGTERM', stopped);
    leave();
  }
}

/** @param {string[]} args @returns {Options} Throws on options that are none. */
function readOptions(args) {
  const { values } = parseArgs({ args, options: { dir: { type: 'string' }, gpu: { type: 'boolean' }, from: { type: 'string' }, wheel: { type: 'string' } } });
  const id = values.gpu === true ? 'tensorflow-gpu' : 'tensorflow';
  const { from } = values;
  if (from !== undefined && from !== 'download' && from !== 'wheel') throw new Error(`--from must be download or wheel, got ${JSON.stringify(from)}`);
  if (values.wheel !== undefined && !existsSync(values.wheel)) throw new Error(`--wheel must be a file, got ${JSON.stringify(values.wheel)}`);
  const wheel = values.wheel === undefined ? undefined : path.resolve(values.wheel);
  return { id, dir: path.resolve(values.dir ?? preparedFolder(id)), ...(from === undefined ? {} : { from }), ...(wheel === undefined ? {} : { wheel }) };
}

if (isMain(import.meta.url)) {
  let options;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    console.error(String(/** @type {Error} */ (error).message));
    process.exit(2);
  }
  try {
    const { dir, tensorflow, gpu, fresh } = await prepare({ ...options, say: (line) => console.error(line) });
    console.log(`${dir}: ${ADDON_PACKAGES[options.id]} ${TFJS_NODE} on TensorFlow ${tensorflow}${gpu ? ', on a GPU' : ''}${fresh ? '' : ', as prepared before'}`);
  } catch (error) {
    console.error(`${ADDON_PACKAGES[options.id]} cannot be had here: ${/** @type {Error} */ (error).message}`);
    process.exitCode = 4;
  }
}
