import { expect, it } from 'vitest';
import { checkPackages } from './check-packages.mjs';
import { temporaryFolder, writeFiles } from './temporary-folder.js';

const README = `# @convkit/core

Layers that stock TensorFlow.js lacks.

## Install

npm install @convkit/core @tensorflow/tfjs-core

## Example

\`\`\`js
console.log([1, 2]);
\`\`\`

\`\`\`text
[ 1, 2 ]
\`\`\`

## References

- A paper.
`;

function manifest(name: string, changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    name: `@convkit/${name}`,
    version: '0.1.0',
    description: 'A package.',
    license: 'Apache-2.0',
    type: 'module',
    keywords: ['tfjs'],
    sideEffects: false,
    engines: { node: '>=20.19' },
    exports: {
      '.': { '@convkit/source': './src/index.ts', types: './dist/index.d.ts', default: './dist/index.js' },
      './package.json': './package.json',
    },
    files: ['dist', 'src', '!src/**/*.test.ts'],
    scripts: { build: 'tsup', 'check:package': 'publint --strict && attw --pack . --profile esm-only' },
    peerDependencies: { '@tensorflow/tfjs-core': '^4.22.0' },
    publishConfig: { access: 'public' },
    ...changes,
  };
}

function packageFiles(name: string, changes: Record<string, unknown> = {}): Record<string, unknown> {
  const files = {
    'package.json': manifest(name, changes),
    'README.md': README.replaceAll('@convkit/core', `@convkit/${name}`),
    'LICENSE': 'licence\n',
    'tsconfig.json': { extends: '../../tsconfig.base.json', include: ['src'] },
    'tsup.config.ts': "import { libraryConfig } from '../../tools/library-config.js';\n\nexport default libraryConfig();\n",
    'src/index.ts': `export { layer } from './${name}-layer.js';\n`,
    [`src/${name}-layer.ts`]: `export class Layer {\n  static readonly className = 'Convkit${name === 'core' ? 'Conv' : 'Pool'}';\n}\n`,
  };
  return Object.fromEntries(Object.entries(files).map(([file, content]) => [`packages/${name}/${file}`, content]));
}

function lock(entry: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    packages: {
      '': {},
      'node_modules/@convkit/core': { link: true, resolved: 'packages/core' },
      'node_modules/rollup': { integrity: 'sha512-a', optionalDependencies: { 'rollup-linux': '1.0.0' } },
      'node_modules/rollup/node_modules/rollup-linux': { integrity: 'sha512-b', optional: true, ...entry },
    },
  };
}

/** The problems of a house with the packages core and graph after some files were written over it. */
function problemsOf(files: Readonly<Record<string, unknown>>): string[] {
  const root = temporaryFolder({
    'package.json': { workspaces: ['packages/*', 'tools'] },
    'package-lock.json': lock(),
    'LICENSE': 'licence\n',
    ...packageFiles('core'),
    ...packageFiles('graph', { dependencies: { '@convkit/core': '^0.1.0' } }),
  });
  writeFiles(root, files);
  return checkPackages(root).problems.map(({ from, message }) => `${from}: ${message}`);
}

const core = (changes: Record<string, unknown>) => ({ 'packages/core/package.json': manifest('core', changes) });
const source = (text: string, file = 'conv.ts') => ({ [`packages/core/src/${file}`]: text });
const readme = (from: string, to: string) => ({ 'packages/core/README.md': README.replace(from, to) });

it('finds nothing in packages that are the same', () => {
  expect(problemsOf({})).toEqual([]);
});

it.each<[string, Record<string, unknown>, string]>([
  ['another licence', core({ license: 'MIT' }), 'license must be "Apache-2.0", got "MIT"'],
  ['side effects', core({ sideEffects: undefined }), 'sideEffects must be false, got nothing'],
  ['other files', core({ files: ['dist'] }), 'files must be'],
  ['another script', core({ scripts: { build: 'tsc' } }), 'scripts["build"] must be "tsup", got "tsc"'],
  ['a name that is not its folder', core({ name: '@convkit/nucleus' }), 'name must be "@convkit/core"'],
  ['a fragment as description', core({ description: 'layers' }), 'description must be a sentence'],
  ['no keywords', core({ keywords: [] }), 'keywords must name'],
  ['main beside exports', core({ main: './dist/index.js' }), 'main must be left to exports'],
  ['an entry without source', core({ exports: { '.': './dist/index.js', './package.json': './package.json' } }), 'exports["."] must be {"@convkit/source"'],
  ['a condition that never matches', core({ exports: { '.': { default: './dist/index.js', types: './dist/index.d.ts', '@convkit/source': './src/index.ts' }, './package.json': './package.json' } }), 'the order of exports["."]'],
  ['an entry without a file', core({ exports: { ...Object(manifest('core')['exports']), './node': { '@convkit/source': './src/node.ts', types: './dist/node.d.ts', default: './dist/node.js' } } }), 'src/node.ts is missing'],
  ['a private package', core({ private: true }), 'packages/ holds published packages only'],
  ['unequal peer ranges', core({ peerDependencies: { '@tensorflow/tfjs-core': '^4.20.0' } }), 'peerDependencies["@tensorflow/tfjs-core"] must be ^4.20.0 as in packages/core, got ^4.22.0'],
  ['a stale internal range', core({ version: '0.2.0' }), 'dependencies["@convkit/core"] must be ^0.2.0'],
  ['an internal package that is not there', core({ dependencies: { '@convkit/attic': '^0.1.0' } }), 'must be a workspace of this repository'],
  ['a changed licence text', { 'packages/core/LICENSE': 'other\n' }, "must equal the root's LICENSE"],
  ['an own compiler option', { 'packages/core/tsconfig.json': { extends: '../../tsconfig.base.json', include: ['src'], compilerOptions: {} } }, 'the configuration must be'],
  ['an own build', { 'packages/core/tsup.config.ts': "export default { entry: ['src/index.ts'] };\n" }, 'must be three lines'],
  ['reference rows that nothing tests', { 'packages/core/reference/models.csv': 'model\n' }, 'packages/core/src/reference.test.ts: must test reference/models.csv with testReference'],
  ['reference values in another place', { 'packages/core/reference/resnet18.json': {} }, 'packages/core/reference/resnet18.json: reference/ holds models.csv, operators.json and parity/*.json'],
  ['a className without the prefix', source("export class A { static className = 'GroupConv'; }\n"), 'className must be letters only and start with Convkit, got "GroupConv"'],
  ['a className with a digit', source("export class A { static readonly className = 'ConvkitConv2d' as const; }\n"), 'className must be letters only'],
  ['a className twice', source("export class A { static className = 'ConvkitPool'; }\n"), 'className must be unique, ConvkitPool is also in packages/core/src/conv.ts'],
  ['a drawer of odds and ends', source('export const a = 1;\n', 'utils.ts'), 'must be named after what it holds, got utils.ts'],
  ['a folder of odds and ends', source('export const a = 1;\n', 'helpers/pad.ts'), 'must be named after what it holds, got helpers'],
  ['camelCase file names', source('export const a = 1;\n', 'groupConv.ts'), 'file names must be kebab-case'],
  ['a default export', source('export default 1;\n'), 'got a default export'],
  ['a default function', source('export default function conv() {}\n'), 'got a default export'],
  ['export *', source("export * from './core-layer.js';\n", 'index.ts'), "must name what it exports, got export * from './core-layer.js'"],
  ['a file that only grew', source('\n'.repeat(501)), 'must have at most 500 lines, got 501'],
  ['a lock without a checksum', { 'package-lock.json': lock({ integrity: undefined }) }, 'every package must have a checksum, 1 have none'],
  ['a lock that names a registry', { 'package-lock.json': lock({ resolved: 'https://registry.example/rollup.tgz' }) }, 'must not name a registry, 1 entries do'],
  ['a lock for one platform', { 'package-lock.json': { packages: { 'node_modules/rollup': { integrity: 'sha512-a', optionalDependencies: { 'rollup-linux': '1.0.0' } } } } }, 'every optional package must be listed, 1 are missing (first: rollup-linux)'],
  ['another title', readme('# @convkit/core', '# convkit core'), 'the first line must be "# @convkit/core"'],
  ['no introduction', readme('Layers that stock TensorFlow.js lacks.', ''), 'must say what it is and why'],
  ['Example before Install', readme('## Install', '## Usage'), 'the first section must be Install, got "Usage"'],
  ['a section between Install and Example', readme('## Example', '## Options\n\n## Example'), 'the second section must be Example, got "Options"'],
  ['something after the references', readme('- A paper.', '- A paper.\n\n## Thanks\n'), 'the last section must be References, got "Thanks"'],
  ['an install line without the peer', readme('@convkit/core @tensorflow/tfjs-core', '@convkit/core'), 'Install must name the peer @tensorflow/tfjs-core'],
  ['an example without its output', readme('```text', '```json'), 'Example must have a ```js block followed by a ```text block'],
])('refuses %s', (_, files, message) => {
  const problems = problemsOf(files);
  expect(problems.join('\n')).toContain(message);
});

it('takes an entry that is a folder, and a long file that a generator wrote', () => {
  const entry = { '@convkit/source': './src/node/index.ts', types: './dist/node/index.d.ts', default: './dist/node/index.js' };
  expect(problemsOf({
    ...core({ exports: { ...Object(manifest('core')['exports']), './node': entry } }),
    'packages/core/src/node/index.ts': 'export const a = 1;\n',
    'packages/core/src/schema.ts': `// @generated by protoc-gen-es\n${'\n'.repeat(600)}`,
  })).toEqual([]);
});

it('leaves an optional peer out of the install line', () => {
  const peers = { peerDependencies: { '@tensorflow/tfjs-core': '^4.22.0', 'onnxruntime-node': '^1.30.0' } };
  expect(problemsOf(core(peers))).toHaveLength(1);
  expect(problemsOf(core({ ...peers, peerDependenciesMeta: { 'onnxruntime-node': { optional: true } } }))).toEqual([]);
});

it('asks for what is missing', () => {
  const root = temporaryFolder({ 'package.json': { workspaces: ['packages/*'] }, 'LICENSE': 'licence\n', 'packages/core/package.json': manifest('core') });
  const from = checkPackages(root).problems.map((problem) => problem.from);
  expect(from).toEqual(expect.arrayContaining(['packages/core/LICENSE', 'packages/core/README.md', 'packages/core/tsconfig.json', 'packages/core/tsup.config.ts', 'packages/core/package.json']));
});
