// Checks that the published packages are the same in everything that is not their subject (HOUSE-STYLE by machine).
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import ts from 'typescript';
import { checkLock } from './check-lock.mjs';
import { checkReadme } from './check-readme.mjs';
import { isMain, isTestFile, listFiles, readJson, readWorkspaces, report, ROOT, show } from './workspace.mjs';

/** @typedef {import('./workspace.mjs').Problem} Problem @typedef {import('./workspace.mjs').Workspace} Workspace */

/** What every published manifest says, word for word. */
const FIELDS = {
  license: 'Apache-2.0',
  type: 'module',
  sideEffects: false,
  engines: { node: '>=20.19' },
  publishConfig: { access: 'public' },
};
const SCRIPTS = { build: 'tsup', 'check:package': 'publint --strict && attw --pack . --profile esm-only' };
const FILES = ['dist', 'src', '!src/**/*.test.ts'];
const MAX_LINES = 500;

/** @param {unknown} wanted @param {unknown} found @param {string} what @returns {string[]} */
function equal(wanted, found, what) {
  return isDeepStrictEqual(wanted, found) ? [] : [`${what} must be ${show(wanted)}, got ${show(found)}`];
}

/** @param {Workspace} workspace @param {string} root @returns {Problem[]} */
function checkManifest({ dir, manifest }, root) {
  const messages = [];
  for (const [field, wanted] of Object.entries(FIELDS)) messages.push(...equal(wanted, manifest[field], field));
  for (const [name, wanted] of Object.entries(SCRIPTS)) messages.push(...equal(wanted, manifest.scripts?.[name], `scripts["${name}"]`));
  messages.push(...equal([...(manifest.bin ? ['bin'] : []), ...FILES], manifest.files, 'files'));
  const folder = dir.split('/').at(-1);
  messages.push(...equal(`@convkit/${folder}`, manifest.name, 'name'));
  if (typeof manifest.description !== 'string' || !/^[A-Z].*\.$/.test(manifest.description)) messages.push(`description must be a sentence, got ${show(manifest.description)}`);
  if (!Array.isArray(manifest.keywords) || manifest.keywords.length === 0) messages.push('keywords must name at least one word');
  for (const field of ['main', 'module', 'types']) {
    if (manifest[field] !== undefined) messages.push(`${field} must be left to exports, got ${show(manifest[field])}`);
  }
  messages.push(...checkExports(manifest, path.join(root, dir)));
  return messages.map((message) => ({ from: `${dir}/package.json`, message }));
}

/** Every entry reads source under the repository's own condition and dist otherwise. @param {Record<string, any>} manifest @param {string} folder */
function checkExports(manifest, folder) {
  const messages = [];
  const { './package.json': self, ...entries } = manifest.exports ?? {};
  messages.push(...equal('./package.json', self, 'exports["./package.json"]'));
  if (entries['.'] === undefined) messages.push('exports must have "."');
  for (const [entry, found] of Object.entries(entries)) {
    const file = entry === '.' ? 'index' : entry.slice(2);
    const name = existsSync(path.join(folder, 'src', file, 'index.ts')) ? `${file}/index` : file;
    const wanted = { '@convkit/source': `./src/${name}.ts`, types: `./dist/${name}.d.ts`, default: `./dist/${name}.js` };
    messages.push(...equal(wanted, found, `exports["${entry}"]`));
    // The order of conditions is meaning: the first that matches is taken.
    messages.push(...equal(Object.keys(wanted), Object.keys(Object(found)), `the order of exports["${entry}"]`));
    if (!existsSync(path.join(folder, 'src', `${name}.ts`))) messages.push(`exports["${entry}"] must point to a file, src/${name}.ts is missing`);
  }
  return messages;
}

/** @param {Workspace[]} workspaces @returns {Problem[]} */
function checkRanges(workspaces) {
  /** @type {Problem[]} */
  const problems = [];
  const versions = new Map(workspaces.map(({ manifest }) => [manifest.name, manifest.version]));
  /** @type {Map<string, { range: string, dir: string }>} */
  const peers = new Map();
  for (const { dir, manifest } of workspaces) {
    const from = `${dir}/package.json`;
    for (const field of ['dependencies', 'peerDependencies', 'devDependencies', 'optionalDependencies']) {
      for (const [name, range] of Object.entries(manifest[field] ?? {})) {
        if (!name.startsWith('@convkit/')) continue;
        const version = versions.get(name);
        if (version === undefined) problems.push({ from, message: `${field}["${name}"] must be a workspace of this repository` });
        else if (!manifest.private && range !== `^${version}`) problems.push({ from, message: `${field}["${name}"] must be ^${version} (the workspace's version), got ${range}` });
      }
    }
    for (const [name, range] of Object.entries(manifest.peerDependencies ?? {})) {
      const first = peers.get(name);
      if (first === undefined) peers.set(name, { range, dir });
      else if (first.range !== range) problems.push({ from, message: `peerDependencies["${name}"] must be ${first.range} as in ${first.dir}, got ${range}` });
    }
  }
  return problems;
}

/** The licence travels in every package, and the two configurations say nothing of their own. @param {string} dir @param {string} root @returns {Problem[]} */
function checkFiles(dir, root) {
  /** @type {Problem[]} */
  const problems = [];
  const licence = path.join(root, dir, 'LICENSE');
  if (!existsSync(licence)) problems.push({ from: `${dir}/LICENSE`, message: "must be a copy of the root's LICENSE (npm packs only what lies in the folder)" });
  else if (readFileSync(licence, 'utf8') !== readFileSync(path.join(root, 'LICENSE'), 'utf8')) problems.push({ from: `${dir}/LICENSE`, message: "must equal the root's LICENSE" });
  const tsconfig = path.join(root, dir, 'tsconfig.json');
  const depth = dir.split('/').map(() => '..').join('/');
  const wanted = { extends: `${depth}/tsconfig.base.json`, include: ['src'] };
  const found = existsSync(tsconfig) ? readJson(tsconfig) : undefined;
  problems.push(...equal(wanted, found, 'the configuration').map((message) => ({ from: `${dir}/tsconfig.json`, message })));
  const tsup = path.join(root, dir, 'tsup.config.ts');
  const text = existsSync(tsup) ? readFileSync(tsup, 'utf8') : '';
  const pattern = /^import \{ libraryConfig \} from '(?:\.\.\/)+tools\/library-config\.js';\n\nexport default libraryConfig\(.*\);\n$/;
  if (!pattern.test(text)) problems.push({ from: `${dir}/tsup.config.ts`, message: 'must be three lines: import libraryConfig, a blank line, export default libraryConfig(...)' });
  return problems;
}

/** Reference values lie where the tests and the command look for them, and something tests them. @param {string} dir @param {string} root @returns {Problem[]} */
function checkReference(dir, root) {
  const files = listFiles(root, `${dir}/reference`);
  const problems = files.filter((file) => !/\/reference\/(models\.csv|operators\.json|parity\/[\w.-]+\.json)$/.test(file)).map((from) => ({ from, message: 'reference/ holds models.csv, operators.json and parity/*.json' }));
  for (const [file, test, by] of /** @type {const} */ ([['models.csv', 'reference.test.ts', 'testReference'], ['operators.json', 'operators.test.ts', 'testOperators']])) {
    const from = `${dir}/src/${test}`;
    const text = existsSync(path.join(root, from)) ? readFileSync(path.join(root, from), 'utf8') : '';
    if (files.includes(`${dir}/reference/${file}`) && !text.includes(`${by}(`)) problems.push({ from, message: `must test reference/${file} with ${by} of @convkit/testing/reference` });
  }
  return problems;
}

/** The static className of a class, or undefined. @param {ts.Node} node */
function classNameOf(node) {
  if (!ts.isPropertyDeclaration(node) || node.name.getText() !== 'className') return undefined;
  if (!(ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Static)) return undefined;
  let value = node.initializer;
  while (value !== undefined && (ts.isAsExpression(value) || ts.isSatisfiesExpression(value))) value = value.expression;
  return value !== undefined && ts.isStringLiteralLike(value) ? value.text : '';
}

/**
 * Names and exports of one source file.
 * @param {string} file @param {string} text @param {Map<string, string>} classNames  filled: className to the file that has it
 * @returns {Problem[]}
 */
function checkSource(file, text, classNames) {
  /** @type {Problem[]} */
  const problems = [];
  /** @param {string} message */
  const problem = (message) => problems.push({ from: file, message });
  const segments = file.split('/').slice(2);
  for (const segment of segments) {
    const stem = segment.replace(/\..*$/, '');
    if (/^(utils?|helpers?|common|misc)$/.test(stem)) problem(`a file or folder must be named after what it holds, got ${segment}`);
    else if (!/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9-]+)*$/.test(segment)) problem(`file names must be kebab-case, got ${segment}`);
  }
  const lines = text.split('\n').length - 1;
  // What a generator wrote says so in its head, and nobody reads it for pleasure.
  if (lines > MAX_LINES && !/^\/\/ @generated by /m.test(text.slice(0, 1000))) problem(`a file must have at most ${MAX_LINES} lines, got ${lines}`);
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  for (const statement of source.statements) {
    if (ts.isExportAssignment(statement)) problem('must export by name, got a default export');
    if (ts.canHaveModifiers(statement) && ts.getModifiers(statement)?.some((modifier) => modifier.kind === ts.SyntaxKind.DefaultKeyword)) problem('must export by name, got a default export');
    if (ts.isExportDeclaration(statement) && statement.exportClause === undefined) problem(`must name what it exports, got export * from ${statement.moduleSpecifier?.getText()}`);
  }
  if (isTestFile(file)) return problems;
  /** @param {ts.Node} node */
  const visit = (node) => {
    const className = classNameOf(node);
    if (className !== undefined) {
      const other = classNames.get(className);
      if (!/^Convkit[A-Za-z]+$/.test(className)) problem(`className must be letters only and start with Convkit, got ${show(className)}`);
      else if (other !== undefined) problem(`className must be unique, ${className} is also in ${other}`);
      else classNames.set(className, file);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return problems;
}

/**
 * @param {string} root
 * @returns {{ packages: number, problems: Problem[] }}
 */
export function checkPackages(root) {
  const workspaces = readWorkspaces(root);
  const published = workspaces.filter(({ manifest }) => manifest.private !== true);
  const problems = [...checkLock(root), ...checkRanges(workspaces)];
  /** @type {Map<string, string>} */
  const classNames = new Map();
  for (const workspace of published) {
    const { dir, manifest } = workspace;
    problems.push(...checkManifest(workspace, root), ...checkFiles(dir, root), ...checkReference(dir, root));
    problems.push(...checkReadme(root, dir, manifest));
    for (const file of listFiles(root, `${dir}/src`)) {
      if (/\.[cm]?tsx?$/.test(file)) problems.push(...checkSource(file, readFileSync(path.join(root, file), 'utf8'), classNames));
    }
  }
  for (const { dir, manifest } of workspaces) {
    if (dir.startsWith('packages/') && manifest.private === true) problems.push({ from: `${dir}/package.json`, message: 'packages/ holds published packages only, got private' });
  }
  return { packages: published.length, problems };
}

if (isMain(import.meta.url)) {
  const { packages, problems } = checkPackages(ROOT);
  report(`${packages} published packages`, problems);
}
