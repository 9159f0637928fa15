import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';
import { readResults } from '../../bench/src/records/read.js';

const FOLDER = fileURLToPath(new URL('../../bench/results', import.meta.url));

const ISOLATION = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

/** Puts the recorded results beside the page at build time, and serves them fresh during development. */
function results(): Plugin {
  const json = async (): Promise<string> => JSON.stringify({ generated: new Date().toISOString(), ...(await readResults(FOLDER)) });
  return {
    name: 'convkit-results',
    async generateBundle() {
      this.emitFile({ type: 'asset', fileName: 'results.json', source: await json() });
    },
    configureServer(server) {
      server.middlewares.use('/results.json', (_request, response, next) => {
        json().then((text) => {
          response.setHeader('content-type', 'application/json; charset=utf-8');
          response.end(text);
        }, next);
      });
    },
  };
}

export default defineConfig({
  // Relative: the page works from any folder of any static file server.
  base: './',
  resolve: {
    conditions: ['@convkit/source', 'module', 'browser', 'import', 'default'],
    // @convkit/onnx names the runtime of Node as its default; the page passes its own.
    alias: { 'onnxruntime-node': 'onnxruntime-web/wasm' },
  },
  // As `convkit serve` sends them: without, wasm has one thread.
  server: { headers: ISOLATION },
  preview: { headers: ISOLATION },
  build: { target: 'es2023', chunkSizeWarningLimit: 1000 },
  plugins: [results()],
});
