import { expect, it } from 'vitest';
import { checkFloors, importsOf } from './check-floors.mjs';
import { KINDS } from './floors.mjs';
import { temporaryFolder } from './temporary-folder.js';
import { ROOT } from './workspace.mjs';

const TFJS = { '@tensorflow/tfjs-core': '^4.22.0', '@tensorflow/tfjs-layers': '^4.22.0' };

/** A house with core, data, graph, vgg, resnet and se-block beside it, in which one file has the given text. */
function problemsOf(file: string, text: string): string[] {
  const root = temporaryFolder({
    'package.json': { workspaces: ['packages/*', 'bench', 'testing', 'apps/*'] },
    'apps/leaderboard/package.json': { name: '@convkit/leaderboard', private: true, convkit: { kind: 'app', beside: ['@convkit/bench/records'] }, devDependencies: { '@convkit/bench': '^0.0.0' } },
    'packages/core/package.json': { name: '@convkit/core', convkit: { kind: 'base' }, dependencies: { valibot: '^1.0.0' }, peerDependencies: TFJS },
    'packages/core/src/index.ts': "export { a } from './a.js';\n",
    'packages/core/src/a.ts': "import * as v from 'valibot';\nexport const a = v;\n",
    'packages/data/package.json': { name: '@convkit/data', convkit: { kind: 'data' } },
    'packages/data/src/index.ts': '',
    'packages/data/src/node.ts': "import { readFile } from 'node:fs/promises';\nexport { readFile };\n",
    'packages/graph/package.json': { name: '@convkit/graph', convkit: { kind: 'graph' }, dependencies: { '@convkit/core': '^0.0.0' }, peerDependencies: TFJS },
    'packages/graph/src/index.ts': "import type { Lowering } from '@convkit/core';\nexport type { Lowering };\n",
    'packages/vgg/package.json': { name: '@convkit/vgg', convkit: { kind: 'family' }, dependencies: { '@convkit/core': '^0.0.0', '@convkit/graph': '^0.0.0' }, peerDependencies: TFJS },
    'packages/resnet/package.json': { name: '@convkit/resnet', convkit: { kind: 'family' }, dependencies: { '@convkit/core': '^0.0.0' }, peerDependencies: TFJS },
    'packages/se-block/package.json': { name: '@convkit/se-block', convkit: { kind: 'family', beside: ['@convkit/resnet'] }, dependencies: { '@convkit/resnet': '^0.0.0' }, peerDependencies: TFJS },
    'packages/se-block/src/index.ts': "export { bottleneck } from '@convkit/resnet';\n",
    'bench/package.json': { name: '@convkit/bench', convkit: { kind: 'app', beside: ['@convkit/testing'] }, dependencies: { '@convkit/graph': '^0.0.0' } },
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
  ['a package without a floor', 'packages/core/src/b.ts', "import '@convkit/attic';", 'which is no package of this house'],
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

it.each([
  ['no kind', { name: '@convkit/attic' }, 'convkit.kind must be one of zoo, family, tool, graph, base, data, got nothing'],
  ['an unknown kind', { name: '@convkit/attic', convkit: { kind: 'roof' } }, 'got "roof"'],
  ['the kind of what stands outside packages/', { name: '@convkit/attic', convkit: { kind: 'app' } }, 'got "app"'],
  ['an unknown word', { name: '@convkit/attic', convkit: { kind: 'family', besides: [] } }, 'convkit.besides is unknown'],
  ['a neighbour on another floor', { name: '@convkit/attic', convkit: { kind: 'family', beside: ['@convkit/graph'] } }, 'convkit.beside must name neighbours of floor 3, got @convkit/graph'],
  ['a neighbour that does not exist', { name: '@convkit/attic', convkit: { kind: 'family', beside: ['@convkit/cellar'] } }, 'got @convkit/cellar'],
  ['the test package below the top floor', { name: '@convkit/attic', convkit: { kind: 'family', beside: ['@convkit/testing'] } }, 'got @convkit/testing'],
  ['text for a list', { name: '@convkit/attic', convkit: { kind: 'family', beside: '@convkit/resnet' } }, 'convkit.beside must be a list of packages of this house, got "@convkit/resnet"'],
])('refuses a package.json with %s', (_, manifest, message) => {
  const problems = problemsOf('packages/attic/package.json', JSON.stringify(manifest));
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(`packages/attic/package.json: ${message.startsWith('got') ? '' : message}`);
  expect(problems[0]).toContain(message);
});

it('refuses neighbours that stand beside each other', () => {
  const resnet = { name: '@convkit/resnet', convkit: { kind: 'family', beside: ['@convkit/se-block'] }, dependencies: {}, peerDependencies: TFJS };
  const problems = problemsOf('packages/resnet/package.json', JSON.stringify(resnet));
  expect(problems).toHaveLength(2);
  for (const problem of problems) expect(problem).toContain('must not go round in a circle');
});

it('reads no import out of comments and strings', () => {
  expect(importsOf("// import 'a';\nconst text = \"import 'b'\";\nimport c from 'c';\n")).toEqual(['c']);
});

it('holds for this repository', () => {
  const { files, problems } = checkFloors(ROOT);
  expect(problems).toEqual([]);
  expect(files).toBeGreaterThan(0);
});

it('names in `only` nothing that stands on the same floor or above', () => {
  const below = { '@convkit/core': 'base', '@convkit/data': 'data', '@convkit/graph': 'graph' } as const;
  for (const [kind, { floor, only = [] }] of Object.entries(KINDS)) {
    for (const name of only) expect(KINDS[below[name as keyof typeof below]]?.floor, `${kind} -> ${name}`).toBeLessThan(floor);
  }
});
