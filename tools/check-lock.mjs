import { existsSync } from 'node:fs';
import path from 'node:path';
import { readJson } from './workspace.mjs';

/** @typedef {import('./workspace.mjs').Problem} Problem */

/**
 * Whether `npm ci` can install from the lock file on every platform: each package has its checksum, and no optional
 * package (a native part for another system) was left out.
 * @param {string} root
 * @returns {Problem[]}
 */
export function checkLock(root) {
  const from = 'package-lock.json';
  if (!existsSync(path.join(root, from))) return [{ from, message: 'must exist' }];
  /** @type {Record<string, Record<string, any>>} */
  const packages = readJson(path.join(root, from)).packages;
  const entries = Object.entries(packages);
  const unchecked = entries.filter(([name, entry]) => name.includes('node_modules/') && !entry.link && entry.integrity === undefined);
  const known = new Set(entries.map(([name]) => name.slice(name.lastIndexOf('node_modules/') + 'node_modules/'.length)));
  const missing = new Set(entries.flatMap(([, entry]) => Object.keys(entry.optionalDependencies ?? {})).filter((name) => !known.has(name)));
  const messages = [];
  if (unchecked.length > 0) messages.push(`every package must have a checksum, ${unchecked.length} have none (first: ${unchecked[0]?.[0]}): run npm run lock`);
  if (missing.size > 0) messages.push(`every optional package must be listed, ${missing.size} are missing (first: ${[...missing][0]}): run npm run lock`);
  const hosts = entries.filter(([, entry]) => !entry.link && entry.resolved !== undefined);
  if (hosts.length > 0) messages.push(`must not name a registry, ${hosts.length} entries do (first: ${hosts[0]?.[0]}): run npm run lock`);
  return messages.map((message) => ({ from, message }));
}
