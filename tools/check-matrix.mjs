// The contract of every block and layer on every engine that this machine has: in Node, each in a process of its own, and in
// Chromium. Prints the matrix; `--write` keeps it as testing/MATRIX.md, which is only written when every engine was there.
// `node tools/check-matrix.mjs [--write] [prefix]`: rows of the descriptor table whose name begins so.
// `node tools/check-matrix.mjs --write --engine tensorflow`: one engine of Node again, and its line of the kept matrix.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { BROWSER, checkInBrowser } from './check-contract-browser.mjs';
import { checkBackend, NODE_BACKENDS, printReport, surroundings } from './contract.mjs';
import { ROOT } from './workspace.mjs';

/** @typedef {{ engine: string, where: string, on: string, rows?: number, hold?: number, reason?: string }} Line */

const TABLE = path.join(ROOT, 'testing', 'MATRIX.md');
const { values: options, positionals: [prefix = ''] } = parseArgs({ options: { write: { type: 'boolean', default: false }, engine: { type: 'string' } }, allowPositionals: true });
const { write } = options;
const only = NODE_BACKENDS.find((backend) => backend === options.engine);
if (write && prefix !== '') {
  console.error('--write keeps the whole matrix: it takes no prefix');
  process.exit(2);
}
if (options.engine !== undefined && only === undefined) {
  console.error(`--engine must be one of ${NODE_BACKENDS.join(', ')}, got ${JSON.stringify(options.engine)}`);
  process.exit(2);
}

/** The tolerances, from their TypeScript source. @returns {Promise<typeof import('../testing/src/contract/tolerances.js')>} */
async function tolerances() {
  const outfile = path.join(ROOT, 'node_modules', '.cache', 'convkit', 'tolerances.mjs');
  mkdirSync(path.dirname(outfile), { recursive: true });
  await build({ entryPoints: [path.join(ROOT, 'testing/src/contract/tolerances.ts')], bundle: true, format: 'esm', outfile, logLevel: 'warning' });
  return import(outfile);
}

/** @returns {Promise<Line[]>} */
async function checkAll() {
  /** @type {Line[]} */
  const lines = [];
  for (const backend of only === undefined ? NODE_BACKENDS : [only]) {
    const here = await surroundings(backend);
    if ('reason' in here) {
      lines.push({ engine: backend, where: 'Node', on: '', reason: here.reason });
      continue;
    }
    const report = await checkBackend({ backend, choice: { prefix, short: false }, train: [] }, here.env);
    printReport(backend, report);
    lines.push({ engine: backend, where: 'Node', ...('reason' in report ? { on: '', reason: report.reason } : { on: report.on, rows: report.rows, hold: report.hold }) });
  }
  if (only !== undefined) return lines;
  if (!existsSync(BROWSER)) return [...lines, ...['wasm', 'webgl', 'webgpu'].map((engine) => ({ engine, where: 'browser', on: '', reason: `no browser at ${BROWSER}` }))];
  for (const { backend, on, rows, hold } of await checkInBrowser(undefined, prefix)) lines.push({ engine: backend, where: 'browser', on, rows, hold });
  return lines;
}

/** Columns of the same width, as in the other tables. @param {readonly (readonly string[])[]} rows */
const markdown = ([head = [], ...rows]) => [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const lines = await checkAll();
const { TOLERANCES, EXCEPTIONS } = await tolerances();
const table = markdown([
  ['engine', 'in', 'computed by', 'rows that hold', 'values', 'gradients'],
  ...lines.map(({ engine, where, on, rows, hold, reason }) => {
    const { value, gradient } = TOLERANCES[/** @type {keyof typeof TOLERANCES} */ (engine)];
    return [`\`${engine}\``, where, on, rows === undefined ? `not here: ${reason}` : `${hold} of ${rows}`, String(value), String(gradient)];
  }),
]);
console.log(`\n${table}`);
const failed = lines.filter(({ rows, hold }) => rows !== hold);
const missing = lines.filter(({ rows }) => rows === undefined);
if (write && missing.length > 0) {
  console.error(`the matrix is not written: ${missing.map(({ engine, reason }) => `${engine}: ${reason}`).join('; ')}`);
  process.exitCode = 1;
} else if (write && only !== undefined) {
  const line = table.split('\n').at(-1) ?? '';
  writeFileSync(TABLE, readFileSync(TABLE, 'utf8').replace(new RegExp(`^\\| \`${only}\` \\| Node .*$`, 'm'), () => line));
  console.log(`its line is written to ${path.relative(ROOT, TABLE)}`);
} else if (write) {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: ROOT, encoding: 'utf8' }).trim();
  const whys = Object.entries(TOLERANCES).map(([engine, { why }]) => `- \`${engine}\`: ${why}.`).join('\n');
  const known = EXCEPTIONS.length === 0 ? 'No row is excepted anywhere.' : EXCEPTIONS.map(({ backend, row, check, why }) => `- \`${backend}\`, ${row}: ${check}: ${why}`).join('\n');
  writeFileSync(TABLE, `# Every block on every engine

The contract of every exported block and layer ([descriptors.ts](src/contract/descriptors.ts)): shapes, training against inference, lowered
and compiled form against the layers, values and gradients, nothing left in memory. Written by \`npm run check:matrix -- --write\` at
${commit}, Node ${process.versions.node}; \`npm run check:matrix\` prints it again.

${table}

*values* and *gradients* are what an engine may be off by, relative to the largest number ([tolerances.ts](src/contract/tolerances.ts)):

${whys}

${known}
`);
  console.log(`written to ${path.relative(ROOT, TABLE)}`);
}
if (failed.length > missing.length) process.exitCode = 1;
