import { defineConfig } from 'vitest/config';

const conditions = ['@convkit/source', 'module', 'node', 'import', 'default'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'bench/src/**/*.test.ts', 'testing/src/**/*.test.ts', 'tools/**/*.test.ts', 'apps/*/src/**/*.test.ts'],
    // A tfjs-node that this machine has prepared is none of theirs: tools/tensorflow/check.mjs is for that.
    env: { CONVKIT_TFJS_NODE: 'testing/without-tfjs-node' },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
