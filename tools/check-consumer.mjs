// Installs the packed packages the way a user does, in a project outside the workspace, and uses them from ESM and CommonJS.
// Needs a build. What the npm tarballs lack (a file left out of `files`, an undeclared dependency, an entry that
// points nowhere) shows here and nowhere else.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readJson, readWorkspaces, ROOT } from './workspace.mjs';

const USED = ['@convkit/vgg', '@convkit/resnet'];
const TFJS = ['@tensorflow/tfjs-core', '@tensorflow/tfjs-layers', '@tensorflow/tfjs-backend-cpu'];

const BODY = `
  await tf.setBackend('cpu');
  for (const family of [resnet, vgg]) {
    const model = family.build(family.id + '_tiny', { classes: 10, inputShape: [32, 32, 3] });
    const output = model.predict(tf.zeros([1, 32, 32, 3]));
    console.log(family.id, output.shape);
  }
`;
const ESM = `
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { resnet } from '@convkit/resnet';
import { vgg } from '@convkit/vgg';
${BODY}`;
const CJS = `
const tf = require('@tensorflow/tfjs-core');
require('@tensorflow/tfjs-backend-cpu');
const { resnet } = require('@convkit/resnet');
const { vgg } = require('@convkit/vgg');
(async () => {${BODY}})();
`;
const EXPECTED = 'resnet [ 1, 10 ]\nvgg [ 1, 10 ]\n';

/** Runs a command and returns its stdout; its stderr is shown. @param {string} cwd @param {string} command @param {string[]} args */
function run(cwd, command, args) {
  return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], shell: process.platform === 'win32' });
}

/** These packages and those of ours that they depend on, which no registry has yet. @param {readonly string[]} names */
function withDependencies(names) {
  const manifests = new Map(readWorkspaces(ROOT).map(({ manifest }) => [manifest.name, manifest]));
  const found = new Set(names);
  for (const name of found) for (const other of Object.keys(manifests.get(name)?.dependencies ?? {})) if (manifests.has(other)) found.add(other);
  return [...found];
}

const folder = mkdtempSync(path.join(tmpdir(), 'convkit-consumer-'));
try {
  const tarballs = path.join(folder, 'tarballs');
  mkdirSync(tarballs);
  const flags = withDependencies(USED).map((name) => `--workspace=${name}`);
  /** @type {{ filename: string }[]} */
  const packed = JSON.parse(run(ROOT, 'npm', ['pack', '--json', '--silent', `--pack-destination=${tarballs}`, ...flags]));
  const { devDependencies } = readJson(path.join(ROOT, 'package.json'));
  const project = path.join(folder, 'project');
  mkdirSync(project);
  writeFileSync(path.join(project, 'package.json'), '{ "private": true }\n');
  const wanted = [...packed.map(({ filename }) => path.join(tarballs, filename)), ...TFJS.map((name) => `${name}@${devDependencies[name]}`)];
  run(project, 'npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', ...wanted]);
  for (const [file, text] of Object.entries({ 'consumer.mjs': ESM, 'consumer.cjs': CJS })) {
    writeFileSync(path.join(project, file), text);
    const printed = run(project, process.execPath, [file]);
    console.error(`${file}: ${printed.trim().replaceAll('\n', ', ')}`);
    if (printed !== EXPECTED) {
      console.error(`${file} must print ${JSON.stringify(EXPECTED)}`);
      process.exitCode = 1;
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
