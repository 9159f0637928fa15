import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import sirv from 'sirv';
import { CommandError, errorCode, messageOf } from './errors.js';
import { PACKAGE_ROOT } from './package-root.js';
import { readResults } from './records/read.js';

/** The page's files: inside the package when it was packed, else the build of the checkout. Throws when there are none. */
export function leaderboardFolder(): string {
  const candidates = [join(PACKAGE_ROOT, 'leaderboard-dist'), join(PACKAGE_ROOT, '..', 'apps', 'leaderboard', 'dist')];
  const folder = candidates.find((candidate) => existsSync(join(candidate, 'index.html')));
  if (folder === undefined) throw new CommandError('environment', 'the leaderboard page is not built', 'run "npm run build"');
  return folder;
}

/** A running server. */
export interface Served {
  readonly url: string;
  close(): Promise<void>;
}

/** What makes the page cross-origin isolated: browsers give shared memory, and so threads in wasm, and fine clocks to such pages only. */
const ISOLATION = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp', 'cross-origin-resource-policy': 'same-origin' };

/**
 * Serves the page on this machine only (127.0.0.1), with `results.json` read anew from the results folder at every
 * request. Port 0 takes any free one. Throws an error of the environment when the port is taken.
 */
export async function serveLeaderboard(options: { page: string; results: string; port: number }): Promise<Served> {
  const files = sirv(options.page, { dev: true, etag: true });
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?', 1)[0];
    for (const [header, value] of Object.entries(ISOLATION)) response.setHeader(header, value);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
    } else if (path === '/results.json') {
      resultsJson(options.results).then(
        (text) => response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' }).end(request.method === 'HEAD' ? undefined : text),
        (error: unknown) => response.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' }).end(`results.json: ${messageOf(error)}`),
      );
    } else {
      files(request, response, () => void response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('not found'));
    }
  });
  await listen(server, options.port);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    close: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
}

/** What the page reads: every valid record, and which files were left out. */
async function resultsJson(folder: string): Promise<string> {
  const { records, warnings } = await readResults(folder);
  return JSON.stringify({ generated: new Date().toISOString(), records, warnings });
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const taken = errorCode(error) === 'EADDRINUSE';
      reject(new CommandError('environment', `--port ${port}: ${taken ? 'another program is listening there' : messageOf(error)}`, 'choose another --port, or 0 for any free one'));
    });
    server.listen(port, '127.0.0.1', () => resolve());
  });
}
