// Checks that each workspace imports only what stands below it. The kinds are in floors.mjs, a package's kind is in its package.json.
import { existsSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import path from 'node:path';
import ts from 'typescript';
import { isInHouse, packageOf, readPlaces, TESTING } from './floors.mjs';
import { isMain, isTestFile, listFiles, readWorkspaces, report, ROOT } from './workspace.mjs';

/** @typedef {import('./workspace.mjs').Problem} Problem @typedef {import('./floors.mjs').Place} Place */

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
 * @param {{ name: string, place: Place, manifest: Record<string, any>, test: boolean }} importer
 * @param {ReadonlyMap<string, Place>} places
 * @returns {string | undefined}
 */
function judge(specifier, { name, place, manifest, test }, places) {
  const target = packageOf(specifier);
  if (target === name || (test && !target.startsWith('@convkit/'))) return undefined;
  const beside = place.beside.includes(specifier);
  if (target === TESTING && !beside) return test ? undefined : `imports ${TESTING}, which only tests may`;
  if (target.startsWith('@convkit/') && !beside) {
    const below = places.get(target);
    if (below === undefined) return `imports ${target}, which is no package of this house`;
    if (below.floor >= place.floor) return `imports ${target} of floor ${below.floor}, but stands on floor ${place.floor}: only lower floors may be imported, and neighbours that convkit.beside names`;
    if (place.only !== undefined && !place.only.includes(target)) return `imports ${target}, but ${name} may import only ${[...place.only, ...place.beside].join(', ')}`;
  }
  if (target.startsWith('@tensorflow/') && !place.tfjs.includes(target)) {
    return `imports ${target}, but ${name} may import ${place.tfjs.length === 0 ? 'nothing' : `only ${place.tfjs.join(', ')}`} of TensorFlow.js`;
  }
  const declared = { ...manifest.dependencies, ...manifest.peerDependencies, ...(manifest.private || (beside && target === TESTING) ? manifest.devDependencies : {}) };
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
 * @returns {{ files: number, problems: Problem[] }}
 */
export function checkFloors(root) {
  const workspaces = readWorkspaces(root);
  const { places, problems } = readPlaces(workspaces);
  let files = 0;
  for (const { dir, manifest } of workspaces.filter(isInHouse)) {
    const place = places.get(manifest.name);
    if (place === undefined) continue; // readPlaces has said so
    // A package's main entry must load in a browser; `./node` entries are the place for files and processes.
    const entry = `${dir}/src/index.ts`;
    const browser = dir.startsWith('packages/') && existsSync(path.join(root, entry)) ? reachableFrom(root, entry) : new Set();
    for (const file of listFiles(root, `${dir}/src`)) {
      if (!/\.[cm]?[jt]sx?$/.test(file)) continue;
      files += 1;
      const importer = { name: manifest.name, place, manifest, test: isTestFile(file) };
      for (const specifier of new Set(importsOf(readFileSync(path.join(root, file), 'utf8')))) {
        if (specifier.startsWith('.')) {
          const target = path.posix.join(path.posix.dirname(file), specifier);
          if (!target.startsWith(`${dir}/`) && !(importer.test && target.startsWith('testing/'))) problems.push({ from: file, message: `imports ${specifier}, which leaves the package` });
        } else if (isBuiltin(specifier)) {
          if (browser.has(file)) problems.push({ from: file, message: `imports ${specifier}, but ${entry} loads this file and must run in a browser` });
        } else {
          const message = judge(specifier, importer, places);
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
