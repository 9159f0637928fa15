// Opens the built leaderboard in Chromium over the recorded results and looks at it as a visitor would: rows, points of
// the plot, sorting, a network run on every engine of the page, no error, no request to anywhere else. Needs a build, records in bench/results, and a Chromium
// (CHROMIUM, or /usr/bin/chromium); without a browser it says so and passes.
// `node tools/check-page.mjs --screenshots FOLDER` also keeps pictures, light, dark and narrow.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { BROWSER, FLAGS } from './check-contract-browser.mjs';
import { ROOT } from './workspace.mjs';

/** A small network, which the software GPU runs too. */
const RUN_MODEL = 'resnet_tiny';
const RUN_MS = 60_000;

/** Starts `convkit serve` on a free port. @returns {Promise<{ url: string, stop: () => void }>} */
function serve() {
  const child = spawn(process.execPath, [path.join(ROOT, 'bench/bin/convkit.js'), 'serve', '--port', '0'], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  return new Promise((resolve, reject) => {
    let text = '';
    const read = (/** @type {Buffer} */ chunk) => {
      text += chunk;
      const url = text.match(/http:\/\/127\.0\.0\.1:\d+\//)?.[0];
      if (url) resolve({ url, stop: () => child.kill('SIGTERM') });
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.on('exit', (code) => reject(new Error(`convkit serve ended with ${code}: ${text}`)));
  });
}

/** Opens "Run it here" and runs a network on every engine of the page. @param {import('playwright-core').Page} page */
async function runHere(page) {
  await page.locator('.run-here > summary').click();
  await page.waitForSelector('.run-here select');
  must(await page.evaluate(() => crossOriginIsolated), 'the page is cross-origin isolated');
  await page.selectOption('.run-here select', RUN_MODEL);
  await page.locator('.run-here button').click();
  await page.waitForSelector('.run-here table:not([hidden])', { timeout: RUN_MS });
  const rows = await page.locator('.run-here tbody tr').all();
  /** @type {string[]} */
  const ran = [];
  for (const row of rows) {
    const [engine = '', on = '', time = '', ratio = ''] = await row.locator('th, td').allInnerTexts();
    must(/^[\d.]+ ms$/.test(time) && Number(ratio) > 0, `${engine} ran ${RUN_MODEL}: ${time}, ${ratio} of the reference, on ${on}`);
    if (engine === 'wasm' || engine === 'onnxruntime-web') must(/thread/.test(on), `${engine} says its threads`);
    ran.push(engine);
  }
  must(['wasm', 'webgl', 'webgpu', 'onnxruntime-web'].every((engine) => ran.includes(engine)), `every engine of the page ran: ${ran.join(', ')}`);
}

/** @param {boolean} condition @param {string} what */
function must(condition, what) {
  if (!condition) throw new Error(`the page: ${what}`);
  console.log(`ok: ${what}`);
}

const folder = process.argv[2] === '--screenshots' ? process.argv[3] : undefined;
if (!existsSync(BROWSER)) {
  console.log(`no browser at ${BROWSER}: the page was not looked at`);
  process.exit(0);
}
const server = await serve();
const browser = await chromium.launch({ executablePath: BROWSER, args: FLAGS });
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  /** @type {string[]} */
  const problems = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  page.on('request', (request) => !request.url().startsWith(server.url) && !/^(data|blob):/.test(request.url()) && problems.push(`asks ${request.url()}`));
  await page.goto(server.url);
  await page.waitForSelector('.tabulator-row');
  const names = () => page.locator('.tabulator-row .tabulator-cell:first-child').allInnerTexts();
  const before = await names();
  must(before.length >= 10, `${before.length} rows are shown`);
  must((await page.locator('svg [aria-label="dot"] > *').count()) > 0, 'the plot has points');
  await page.locator('.tabulator-col-title', { hasText: /params|parameters/i }).first().click();
  await page.waitForTimeout(300);
  must((await names()).join() !== before.join(), 'a click on a column sorts');
  const speed = page.locator('.tabulator-col', { hasText: 'time ÷ reference' }).first();
  const field = await speed.getAttribute('tabulator-field');
  for (const direction of ['one', 'the other']) {
    await speed.locator('.tabulator-col-title').click();
    await page.waitForTimeout(300);
    const first = await page.locator(`.tabulator-row .tabulator-cell[tabulator-field="${field}"]`).first().innerText();
    must(/\d/.test(first), `sorted by speed ${direction} way, models without one stay below`);
  }
  await runHere(page);
  if (folder !== undefined) {
    mkdirSync(folder, { recursive: true });
    for (const [name, colorScheme, width] of /** @type {const} */ ([['light', 'light', 1280], ['dark', 'dark', 1280], ['narrow', 'light', 420]])) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      await page.goto(server.url);
      await page.waitForSelector('.tabulator-row');
      await page.waitForTimeout(400);
      await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: width < 500 });
    }
  }
  must(problems.length === 0, `no errors and no foreign requests${problems.length ? `: ${problems.join('; ')}` : ''}`);
} finally {
  await browser.close();
  server.stop();
}
