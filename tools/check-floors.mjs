// Checks that each workspace imports only what stands below it. The table is floors.mjs; the picture is ARCHITECTURE.md.
import { existsSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import path from 'node:path';
import ts from 'typescript';
import { FLOORS, TESTING } from './floors.mjs';
import { isMain, isTestFile, listFiles, readWorkspaces, report, ROOT } from './workspace.mjs';

/** @typedef {import('./workspace.mjs').Problem} Problem @typedef {import('./workspace.mjs').Workspace} Workspace @typedef {import('./floors.mjs').Floor} Floor */

/** `@scope/name/path` and `name/path` without the path. @param {string} specifier */
export function packageOf(specifier) {
  return specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
}

/** @param {string} specifier */
function isBuiltin(specifier) {
  return specifier.startsWith('node:') || builtinModules.includes(packageOf(specifier));
}

/** Static, dynamic and type imports and re-exports of one file. @param {string} text @returns {string[]} */
export function importsOf(text) {
  return ts.preProcessFile(text, true, true).importedFiles.map((entry) => entry.fileName);
}

/**
 * What is wrong with one import, or undefined.
 * @param {string} specifier
 * @param {{ name: string, floor: Floor, manifest: Record<string, any>, test: boolean }} importer
 * @param {Readonly<Record<string, Floor>>} floors
 * @returns {string | undefined}
 */
function judge(specifier, { name, floor, manifest, test }, floors) {
  const target = packageOf(specifier);
  if (target === name || (test && !target.startsWith('@convkit/'))) return undefined;
  const beside = floor.beside?.includes(specifier) === true;
  if (target === TESTING && !beside) return test ? undefined : `imports ${TESTING}, which only tests may`;
  if (target.startsWith('@convkit/') && !beside) {
    const below = floors[target];
    if (below === undefined) return `imports ${target}, which has no floor in tools/floors.mjs`;
    if (below.floor >= floor.floor) return `imports ${target} of floor ${below.floor}, but stands on floor ${floor.floor}: only lower floors may be imported`;
    if (floor.only !== undefined && !floor.only.includes(target)) return `imports ${target}, but ${name} may import only ${floor.only.join(', ')}`;
  }
  if (target.startsWith('@tensorflow/') && !floor.tfjs.includes(target)) {
    return `imports ${target}, but ${name} may import ${floor.tfjs.length === 0 ? 'nothing' : `only ${floor.tfjs.join(', ')}`} of TensorFlow.js`;
  }
  const declared = { ...manifest.dependencies, ...manifest.peerDependencies, ...(manifest.private || beside ? manifest.devDependencies : {}) };
  return declared[target] === undefined && !test ? `imports ${target}, which its package.json does not declare` : undefined;
}

/**
 * Files that `entry` loads through relative imports, itself included.
 * @param {string} root
 * @param {string} entry  relative to the root
 * @returns {Set<string>}
 */
function reachableFrom(root, entry) {
  const seen = new Set([entry]);
  for (const file of seen) {
    for (const specifier of importsOf(readFileSync(path.join(root, file), 'utf8'))) {
      if (!specifier.startsWith('.')) continue;
      const target = path.posix.join(path.posix.dirname(file), specifier);
      const found = [target, target.replace(/\.js$/, '.ts'), `${target}.ts`].find((candidate) => /\.[cm]?[jt]s$/.test(candidate) && existsSync(path.join(root, candidate)));
      if (found !== undefined) seen.add(found);
    }
  }
  return seen;
}

/**
 * @param {string} root
 * @param {Readonly<Record<string, Floor>>} floors
 * @returns {{ files: number, problems: Problem[] }}
 */
export function checkFloors(root, floors = FLOORS) {
  /** @type {Problem[]} */
  const problems = [];
  let files = 0;
  for (const { dir, manifest } of readWorkspaces(root)) {
    if (!/^(packages|apps)\/|^bench$/.test(dir)) continue;
    const floor = floors[manifest.name];
    if (floor === undefined) {
      problems.push({ from: `${dir}/package.json`, message: `${manifest.name} must have a floor in tools/floors.mjs` });
      continue;
    }
    // A package's main entry must load in a browser; `./node` entries are the place for files and processes.
    const entry = `${dir}/src/index.ts`;
    const browser = dir.startsWith('packages/') && existsSync(path.join(root, entry)) ? reachableFrom(root, entry) : new Set();
    for (const file of listFiles(root, `${dir}/src`)) {
      if (!/\.[cm]?[jt]sx?$/.test(file)) continue;
      files += 1;
      const importer = { name: manifest.name, floor, manifest, test: isTestFile(file) };
      for (const specifier of new Set(importsOf(readFileSync(path.join(root, file), 'utf8')))) {
        if (specifier.startsWith('.')) {
          const target = path.posix.join(path.posix.dirname(file), specifier);
          if (!target.startsWith(`${dir}/`) && !(importer.test && target.startsWith('testing/'))) problems.push({ from: file, message: `imports ${specifier}, which leaves the package` });
        } else if (isBuiltin(specifier)) {
          if (browser.has(file)) problems.push({ from: file, message: `imports ${specifier}, but ${entry} loads this file and must run in a browser` });
        } else {
          const message = judge(specifier, importer, floors);
          if (message !== undefined) problems.push({ from: file, message });
        }
      }
    }
  }
  return { files, problems };
}

if (isMain(import.meta.url)) {
  const { files, problems } = checkFloors(ROOT);
  report(`the imports of ${files} files`, problems);
}
