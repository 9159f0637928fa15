// Runs the contract of every block and layer in Chromium: on wasm by itself, then on webgl and webgpu against wasm. The table
// of rows, the checks and the tolerances are those of the node suite (testing/src/contract). Needs no build and no GPU
// (SwiftShader computes both), but a Chromium: CHROMIUM, or /usr/bin/chromium; without one it says so and passes.
// `node tools/check-contract-browser.mjs webgpu conv2d` checks one backend, and rows whose name begins so.
import { build } from 'esbuild';
import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { isMain, ROOT } from './workspace.mjs';

/** @typedef {{ backend: Backend, on: string, rows: number, hold: number, seconds: number }} BrowserReport */
/** @typedef {import('../testing/src/contract/browser.js').ContractPage} ContractPage @typedef {import('../testing/src/contract/tolerances.js').ContractBackend} Backend */

export const BROWSER = process.env.CHROMIUM ?? '/usr/bin/chromium';
export const FLAGS = [
  '--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
  '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader',
];
const BACKENDS = /** @type {const} */ (['wasm', 'webgl', 'webgpu']);
const ROW_SECONDS = 60;
/** Warnings of the browser about speed. */
const HARMLESS = /GPU stall due to ReadPixels|powerPreference option is currently ignored/;
const WASM = path.join(ROOT, 'node_modules/@tensorflow/tfjs-backend-wasm/dist');

/** The page's script, from source. @returns {Promise<Uint8Array>} */
async function bundle() {
  const { outputFiles } = await build({
    entryPoints: [path.join(ROOT, 'testing/src/contract/browser.ts')], bundle: true, format: 'esm', target: 'es2022', write: false,
    conditions: ['@convkit/source', 'browser'], mainFields: ['browser', 'module', 'main'], logLevel: 'warning',
  });
  const [file] = outputFiles;
  if (file === undefined) throw new Error('esbuild gave no output');
  return file.contents;
}

/** @param {Uint8Array} script */
async function serve(script) {
  const binaries = new Set(readdirSync(WASM).filter((name) => name.endsWith('.wasm')));
  const server = createServer((request, response) => {
    const name = path.posix.basename(request.url ?? '/');
    if (request.url === '/contract.js') response.setHeader('content-type', 'text/javascript').end(script);
    else if (binaries.has(name)) createReadStream(path.join(WASM, name)).pipe(response.setHeader('content-type', 'application/wasm'));
    else response.setHeader('content-type', 'text/html').end('<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module" src="/contract.js"></script>');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return { url: `http://127.0.0.1:${port}/`, close: () => server.close() };
}

/** The first of two: what a promise gives, or a failure after a minute (a lost device never answers). @param {Promise<string[]>} row */
function within(row) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(() => resolve([`error: no answer in ${ROW_SECONDS} s`]), ROW_SECONDS * 1000);
  });
  return /** @type {Promise<string[]>} */ (Promise.race([row, late])).finally(() => clearTimeout(timer));
}

/**
 * @param {import('playwright-core').Page} page @param {Backend} backend @param {readonly number[]} rows @param {readonly string[]} names
 * @param {string[]} said  what the page put on its console since it was last emptied
 * @returns {Promise<{ failed: number, seconds: number }>} how many rows failed
 */
async function checkBackend(page, backend, rows, names, said) {
  const started = performance.now();
  const missing = await page.evaluate((id) => /** @type {any} */ (globalThis).contract.use(id), backend);
  if (missing !== undefined) {
    console.log(`FAIL ${backend}: ${missing}; no row was checked on it`);
    return { failed: rows.length, seconds: 0 };
  }
  let failed = 0;
  for (const row of rows) {
    said.length = 0;
    const failures = await within(page.evaluate((index) => /** @type {any} */ (globalThis).contract.check(index), row)).catch((error) => [`error: ${error.message}`]);
    // A device that refuses a program says so there, and leaves zeros where the result should be.
    failures.push(...new Set(said.map((text) => `error: the console says: ${text.split('\n')[0]}`)));
    if (failures.length > 0) failed += 1;
    for (const failure of failures) console.log(`FAIL ${backend}, ${names[row]}: ${failure}`);
  }
  const seconds = Math.round((performance.now() - started) / 1000);
  console.log(`${backend}: ${rows.length - failed} of ${rows.length} rows hold, ${seconds} s`);
  return { failed, seconds };
}

/**
 * Opens the page and checks the backends, wasm first, printing what fails.
 * @param {Backend | undefined} only @param {string} prefix @returns {Promise<BrowserReport[]>}
 */
export async function checkInBrowser(only, prefix) {
  const server = await serve(await bundle());
  const browser = await chromium.launch({ executablePath: BROWSER, args: FLAGS });
  try {
    const page = await browser.newPage();
    /** @type {string[]} */
    const errors = [];
    page.on('pageerror', (error) => errors.push(String(error)));
    page.on('console', (message) => ['error', 'warning'].includes(message.type()) && !HARMLESS.test(message.text()) && errors.push(message.text()));
    await page.goto(server.url);
    await page.waitForFunction(() => 'contract' in globalThis).catch(() => {
      throw new Error(`the page did not start: ${errors.join('; ')}`);
    });
    const { rows: names, exceptions } = await page.evaluate(() => /** @type {ContractPage} */ (/** @type {any} */ (globalThis).contract));
    const rows = names.flatMap((name, index) => (name.startsWith(prefix) ? [index] : []));
    if (rows.length === 0) throw new Error(`no row of the descriptor table begins with ${JSON.stringify(prefix)}`);
    const on = `Chromium ${browser.version().split('.')[0]}, SwiftShader`;
    console.log(`Chromium ${browser.version()}: ${rows.length} rows of the descriptor table`);
    /** @type {BrowserReport[]} */
    const reports = [];
    for (const backend of BACKENDS) {
      if (backend !== 'wasm' && only !== undefined && only !== backend) continue;
      const { failed, seconds } = await checkBackend(page, backend, rows, names, errors);
      reports.push({ backend, on: backend === 'wasm' ? on.replace(', SwiftShader', ', one thread') : on, rows: rows.length, hold: rows.length - failed, seconds });
    }
    for (const { backend, row, check, why } of exceptions) console.log(`known: ${backend}, ${row}: ${check}: ${why}`);
    return reports;
  } finally {
    await browser.close();
    server.close();
  }
}

if (isMain(import.meta.url)) {
  const [asked, prefix = ''] = process.argv.slice(2);
  const only = BACKENDS.find((backend) => backend === asked);
  if (asked !== undefined && only === undefined) {
    console.error(`the backend must be one of ${BACKENDS.join(', ')}, got ${JSON.stringify(asked)}`);
    process.exit(2);
  }
  if (!existsSync(BROWSER)) {
    console.log(`no browser at ${BROWSER}: blocks were not checked on webgl and webgpu (set CHROMIUM, or install chromium)`);
    process.exit(0);
  }
  const failed = (await checkInBrowser(only, prefix)).reduce((sum, { rows, hold }) => sum + rows - hold, 0);
  console.log(failed === 0 ? 'every row holds in the browser' : `${failed} rows do not hold`);
  if (failed > 0) process.exitCode = 1;
}
