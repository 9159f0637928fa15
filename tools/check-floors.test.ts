import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { checkFloors, importsOf } from './check-floors.mjs';
import { FLOORS } from './floors.mjs';
import { temporaryFolder } from './temporary-folder.js';
import { ROOT } from './workspace.mjs';

const TFJS = { '@tensorflow/tfjs-core': '^4.22.0', '@tensorflow/tfjs-layers': '^4.22.0' };

/** A house with core, data, graph, vgg and resnet, in which one file has the given text. */
function problemsOf(file: string, text: string): string[] {
  const root = temporaryFolder({
    'package.json': { workspaces: ['packages/*', 'bench', 'testing', 'apps/*'] },
    'apps/leaderboard/package.json': { name: '@convkit/leaderboard', private: true, devDependencies: { '@convkit/bench': '^0.0.0' } },
    'packages/core/package.json': { name: '@convkit/core', dependencies: { valibot: '^1.0.0' }, peerDependencies: TFJS },
    'packages/core/src/index.ts': "export { a } from './a.js';\n",
    'packages/core/src/a.ts': "import * as v from 'valibot';\nexport const a = v;\n",
    'packages/data/package.json': { name: '@convkit/data' },
    'packages/data/src/index.ts': '',
    'packages/data/src/node.ts': "import { readFile } from 'node:fs/promises';\nexport { readFile };\n",
    'packages/graph/package.json': { name: '@convkit/graph', dependencies: { '@convkit/core': '^0.0.0' }, peerDependencies: TFJS },
    'packages/graph/src/index.ts': "import type { Lowering } from '@convkit/core';\nexport type { Lowering };\n",
    'packages/vgg/package.json': { name: '@convkit/vgg', dependencies: { '@convkit/core': '^0.0.0', '@convkit/graph': '^0.0.0' }, peerDependencies: TFJS },
    'packages/resnet/package.json': { name: '@convkit/resnet', dependencies: { '@convkit/core': '^0.0.0' }, peerDependencies: TFJS },
    'bench/package.json': { name: '@convkit/bench', dependencies: { '@convkit/graph': '^0.0.0' } },
    'bench/src/index.ts': "import { trace } from '@convkit/graph';\nimport 'node:fs';\nexport { trace };\n",
    'testing/package.json': { name: '@convkit/testing', private: true },
    [file]: text,
  });
  return checkFloors(root).problems.map(({ from, message }) => `${from}: ${message}`);
}

it('finds nothing in a house that stands', () => {
  expect(problemsOf('packages/core/src/b.ts', "import * as tf from '@tensorflow/tfjs-core';\n")).toEqual([]);
});

it.each([
  ['an upper floor', 'packages/core/src/b.ts', "import { trace } from '@convkit/graph';", 'imports @convkit/graph of floor 2, but stands on floor 1'],
  ['a neighbour on the same floor', 'packages/vgg/src/vgg.ts', "import { resnet } from '@convkit/resnet';", 'imports @convkit/resnet of floor 3, but stands on floor 3'],
  ['a lower floor that is not its business', 'packages/vgg/src/vgg.ts', "import { trace } from '@convkit/graph';", '@convkit/vgg may import only @convkit/core'],
  ['an upper floor, as a type', 'packages/core/src/b.ts', "import type { Graph } from '@convkit/graph';", 'imports @convkit/graph of floor 2'],
  ['an upper floor, as a re-export', 'packages/core/src/b.ts', "export { trace } from '@convkit/graph';", 'imports @convkit/graph of floor 2'],
  ['an upper floor, when called', 'packages/core/src/b.ts', "export const load = () => import('@convkit/graph');", 'imports @convkit/graph of floor 2'],
  ['a package without a floor', 'packages/core/src/b.ts', "import '@convkit/attic';", 'has no floor in tools/floors.mjs'],
  ['a backend below the top floor', 'packages/core/src/b.ts', "import '@tensorflow/tfjs-backend-wasm';", 'imports @tensorflow/tfjs-backend-wasm, but @convkit/core may import only'],
  ['tfjs in data', 'packages/data/src/index.ts', "import '@tensorflow/tfjs-core';", '@convkit/data may import nothing of TensorFlow.js'],
  ['the test package outside a test', 'packages/core/src/b.ts', "import { fixtureTensor } from '@convkit/testing';", 'imports @convkit/testing, which only tests may'],
  ['a neighbour by a relative path', 'packages/resnet/src/resnet.ts', "import { vgg } from '../../vgg/src/vgg.js';", 'which leaves the package'],
  ['what the manifest does not declare', 'packages/core/src/b.ts', "import chalk from 'chalk';", 'imports chalk, which its package.json does not declare'],
  ['Node in what a browser loads', 'packages/core/src/a.ts', "import { readFileSync } from 'node:fs';\nexport const a = readFileSync;", 'imports node:fs, but packages/core/src/index.ts loads this file'],
])('refuses %s', (_, file, text, message) => {
  const problems = problemsOf(file, `${text}\n`);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(`${file}: `);
  expect(problems[0]).toContain(message);
});

it('lets a test import the test package and what the root installs', () => {
  expect(problemsOf('packages/core/src/a.test.ts', "import { fixtureTensor } from '@convkit/testing';\nimport { it } from 'vitest';\nimport '@tensorflow/tfjs-backend-wasm';\nimport 'node:fs';\n")).toEqual([]);
});

it('opens named entries of a neighbour, and only those', () => {
  const files = (entry: string) => problemsOf('apps/leaderboard/src/main.ts', `import '@convkit/bench${entry}';\n`);
  expect(files('/records')).toEqual([]);
  expect(files('')).toHaveLength(1);
});

it('refuses an upper floor in a test too', () => {
  expect(problemsOf('packages/core/src/a.test.ts', "import { trace } from '@convkit/graph';\n")).toHaveLength(1);
});

it('asks for a floor when a package has none', () => {
  expect(problemsOf('packages/attic/package.json', '{ "name": "@convkit/attic" }')).toEqual(['packages/attic/package.json: @convkit/attic must have a floor in tools/floors.mjs']);
});

it('reads no import out of comments and strings', () => {
  expect(importsOf("// import 'a';\nconst text = \"import 'b'\";\nimport c from 'c';\n")).toEqual(['c']);
});

it('holds for this repository', () => {
  const { files, problems } = checkFloors(ROOT);
  expect(problems).toEqual([]);
  expect(files).toBeGreaterThan(0);
});

it('is what the picture in ARCHITECTURE.md shows', () => {
  const picture = readFileSync(path.join(ROOT, 'ARCHITECTURE.md'), 'utf8').split('```')[1];
  for (const name of Object.keys(FLOORS)) expect(picture).toContain(name.replace('@convkit/', ''));
});

it('names in `only` nothing that stands on the same floor or above', () => {
  for (const [name, { floor, only = [] }] of Object.entries(FLOORS)) {
    for (const below of only) expect(FLOORS[below]?.floor, `${name} -> ${below}`).toBeLessThan(floor);
  }
});
