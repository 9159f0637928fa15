// What the experiments of this folder have in common: options, the environment, and the file that a run leaves in results/.
// A file has `experiment`, `question`, `command`, `created`, `environment`, `settings`, `runs` (one a network and seed, raw) and
// `summary`, which experiments.test.ts recomputes from the runs.
import { execFileSync } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { replaceFile } from '@convkit/data/node';

const RESULTS = fileURLToPath(new URL('results/', import.meta.url));

/**
 * Integers from the command line, `--steps 300`, over their defaults.
 * @template {Record<string, number>} D @param {D} defaults @returns {D}
 */
export function integerOptions(defaults) {
  const names = Object.keys(defaults);
  const { values } = parseArgs({ options: Object.fromEntries(names.map((name) => [name, { type: /** @type {const} */ ('string') }])) });
  return /** @type {D} */ (Object.fromEntries(names.map((name) => {
    const text = values[name];
    if (text === undefined) return [name, defaults[name]];
    if (!/^[1-9]\d{0,7}$/.test(String(text))) throw new Error(`--${name} must be an integer >= 1, got ${JSON.stringify(text)}`);
    return [name, Number(text)];
  })));
}

/** The commit that runs, and whether files differ from it. */
function source() {
  const git = (/** @type {string[]} */ ...args) => execFileSync('git', ['-C', RESULTS, ...args], { encoding: 'utf8' }).trim();
  try {
    return { commit: git('rev-parse', 'HEAD'), dirty: git('status', '--porcelain', '--untracked-files=no') !== '' };
  } catch {
    return {};
  }
}

/** Arithmetic mean. @param {readonly number[]} values */
export const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * Writes results/<experiment>.json, whole or not at all.
 * @param {{ experiment: string, script?: string, question: string, settings: object, runs: readonly object[], summary: object }} result script: what ran, where it is not this folder's file of that name
 */
export async function record({ experiment, script = `tools/experiments/${experiment}.mjs`, ...result }) {
  const words = [`node ${script}`, ...process.argv.slice(2)];
  const environment = { os: `${os.type()} ${os.arch()}`, cpu: os.cpus()[0]?.model.trim() ?? 'unknown', cores: os.availableParallelism(), runtime: `node ${process.versions.node}`, load: os.loadavg()[0], ...source() };
  const content = { experiment, command: words.join(' '), created: new Date().toISOString(), environment, ...result };
  const file = path.join(RESULTS, `${experiment}.json`);
  await replaceFile(file, `${JSON.stringify(content, undefined, 1)}\n`);
  console.log(`${path.relative(process.cwd(), file)} written`);
}
