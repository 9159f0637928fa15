import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * @typedef {{ from: string, message: string }} Problem  What a check found: the file, relative to the root, and what must change.
 * @typedef {Record<string, any>} Manifest
 * @typedef {{ dir: string, manifest: Manifest }} Workspace  `dir` is relative to the root, with forward slashes.
 */

/** The repository this script stands in. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** @param {string} file @returns {any} */
export function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}

/**
 * The workspaces of the root manifest, sorted by folder. Understands what this repository uses: `folder` and `folder/*`.
 * @param {string} root
 * @returns {Workspace[]}
 */
export function readWorkspaces(root) {
  /** @type {string[]} */
  const patterns = readJson(path.join(root, 'package.json')).workspaces ?? [];
  const dirs = patterns.flatMap((pattern) => {
    if (!pattern.endsWith('/*')) return [pattern];
    const parent = pattern.slice(0, -2);
    if (!existsSync(path.join(root, parent))) return [];
    return readdirSync(path.join(root, parent)).map((name) => `${parent}/${name}`);
  });
  return dirs
    .filter((dir) => existsSync(path.join(root, dir, 'package.json')))
    .sort()
    .map((dir) => ({ dir, manifest: readJson(path.join(root, dir, 'package.json')) }));
}

/**
 * Every file below `dir`, relative to the root, sorted; build outputs and dependencies left out.
 * @param {string} root
 * @param {string} dir
 * @returns {string[]}
 */
export function listFiles(root, dir) {
  const start = path.join(root, dir);
  if (!existsSync(start)) return [];
  return readdirSync(start).sort().flatMap((name) => {
    if (name === 'node_modules' || name === 'dist' || name === '.turbo') return [];
    const child = `${dir}/${name}`;
    return statSync(path.join(root, child)).isDirectory() ? listFiles(root, child) : [child];
  });
}

/** Files that only the tests load: `*.test.ts`, `*.fixture.ts`. @param {string} file */
export function isTestFile(file) {
  return /\.(test|fixture)\.[cm]?[jt]sx?$/.test(file);
}

/** A value as an error message shows it. @param {unknown} value */
export function show(value) {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}

/**
 * Prints the problems of one check, or one line that says what was checked, and sets the exit code.
 * @param {string} checked  e.g. "10 packages"
 * @param {Problem[]} problems
 */
export function report(checked, problems) {
  for (const { from, message } of problems) console.error(`${from}: ${message}`);
  console.error(problems.length === 0 ? `checked ${checked}: nothing to mend` : `checked ${checked}: ${problems.length} to mend`);
  if (problems.length > 0) process.exitCode = 1;
}

/** Whether this module is the script that node was started with. @param {string} url  import.meta.url of the caller */
export function isMain(url) {
  return process.argv[1] !== undefined && path.resolve(process.argv[1]) === fileURLToPath(url);
}
