import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sampleCost, sampleSpeed } from './records/sample-record.js';
import { writeRecord } from './records/write.js';
import { serveLeaderboard, type Served } from './serve.js';

let folder: string;
let served: Served;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'convkit-serve-'));
  await writeFile(join(folder, 'index.html'), '<h1>page</h1>');
  served = await serveLeaderboard({ page: folder, results: join(folder, 'results'), port: 0 });
});
afterAll(async () => {
  await served.close();
  await rm(folder, { recursive: true, force: true });
});

const fetchJson = async () => (await fetch(`${served.url}results.json`)).json() as Promise<{ generated: string; records: { id: string }[]; warnings: unknown[] }>;

it('serves the page', async () => {
  expect(await (await fetch(served.url)).text()).toBe('<h1>page</h1>');
  expect((await fetch(`${served.url}none`)).status).toBe(404);
  expect((await fetch(served.url, { method: 'POST' })).status).toBe(405);
});

it('isolates the page, its files and its records, so that wasm may have threads in it', async () => {
  for (const path of ['', 'results.json', 'none']) {
    const { headers } = await fetch(`${served.url}${path}`);
    expect([headers.get('cross-origin-opener-policy'), headers.get('cross-origin-embedder-policy')], path).toEqual(['same-origin', 'require-corp']);
  }
});

it('serves the records as they are now', async () => {
  expect(await fetchJson()).toMatchObject({ records: [], warnings: [], generated: expect.stringMatching(/Z$/) });
  const { record, file } = await writeRecord(join(folder, 'results'), sampleCost());
  expect((await fetchJson()).records).toEqual([record]);
  await writeFile(`${file.replace(/\.json$/, '')}-broken.json`, '{');
  expect((await fetchJson()).warnings).toHaveLength(1);
});

it('serves whole records only while they are being written', async () => {
  let writing = true;
  const writer = (async () => {
    for (let i = 0; i < 60; i++) await writeRecord(join(folder, 'busy'), { ...sampleSpeed(), notes: [`run-${i}`] });
    writing = false;
  })();
  const busy = await serveLeaderboard({ page: folder, results: join(folder, 'busy'), port: 0 });
  let reads = 0;
  while (writing) {
    const { warnings } = (await (await fetch(`${busy.url}results.json`)).json()) as { warnings: unknown[] };
    expect(warnings).toEqual([]);
    reads++;
  }
  await writer;
  await busy.close();
  expect(reads).toBeGreaterThan(0);
});

it('does not leave its folder', async () => {
  const { port } = new URL(served.url);
  // fetch would clean the path up before it is sent.
  const status = await new Promise((resolve) => request({ port, host: '127.0.0.1', path: '/../../../../etc/hosts' }, (response) => resolve(response.statusCode)).end());
  expect(status).toBe(404);
});

it('says so when the port is taken', async () => {
  const port = Number(new URL(served.url).port);
  await expect(serveLeaderboard({ page: folder, results: folder, port })).rejects.toMatchObject({ exitCode: 4, message: `--port ${port}: another program is listening there` });
});
