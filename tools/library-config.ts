import { defineConfig } from 'tsup';

/**
 * The one build configuration of every published package: ESM, typed, unbundled dependencies.
 * tsup lives behind this function, so that replacing it is a change of one file.
 *
 * With `CONVKIT_DECLARATIONS=none` there are no type declarations: they are most of the build's time, and `npm start` runs
 * the code only. turbo.json names the variable, so neither build is taken for the other.
 */
export function libraryConfig(overrides: { entry?: string[] } = {}) {
  return defineConfig({
    entry: overrides.entry ?? ['src/index.ts'],
    format: 'esm',
    target: 'es2022',
    dts: process.env['CONVKIT_DECLARATIONS'] !== 'none',
    sourcemap: true,
    clean: true,
    silent: true,
    splitting: true,
    treeshake: false,
  });
}
