import { defineConfig } from 'tsup';

/**
 * The one build configuration of every published package: ESM, typed, unbundled dependencies.
 * tsup lives behind this function, so that replacing it is a change of one file.
 */
export function libraryConfig(overrides: { entry?: string[] } = {}) {
  return defineConfig({
    entry: overrides.entry ?? ['src/index.ts'],
    format: 'esm',
    target: 'es2022',
    dts: true,
    sourcemap: true,
    clean: true,
    silent: true,
    splitting: true,
    treeshake: false,
  });
}
