/**
 * The floors of the house. A package says in its own package.json what it is: `"convkit": { "kind": "family" }`, and the
 * kind says where it stands. A package imports only packages of lower floors; where `only` is given, only those. `beside`
 * in the package.json opens more: a neighbour on the package's own floor (`@convkit/resnet`), one entry of it
 * (`@convkit/bench/records`), or, on the top floor, the private test package.
 * `tfjs` lists what it may import of TensorFlow.js: users bring the backend, so nothing below the top floor names one.
 *
 * @typedef {{ floor: number, what: string, only?: readonly string[], tfjs: readonly string[] }} Kind
 * @typedef {Kind & { kind: string, beside: readonly string[] }} Place
 */
import { show } from './workspace.mjs';

/** @typedef {import('./workspace.mjs').Problem} Problem @typedef {import('./workspace.mjs').Workspace} Workspace */

const PEERS = ['@tensorflow/tfjs-core', '@tensorflow/tfjs-layers'];
const BACKENDS = ['@tensorflow/tfjs-backend-cpu', '@tensorflow/tfjs-backend-wasm', '@tensorflow/tfjs-backend-webgl', '@tensorflow/tfjs-backend-webgpu'];

/** @type {Readonly<Record<string, Kind>>} */
export const KINDS = {
  app: { floor: 5, what: 'what people run', tfjs: [...PEERS, ...BACKENDS] },
  zoo: { floor: 4, what: 'every family by name', tfjs: PEERS },
  // Blocks and families know core, and a neighbour only where one idea builds on another.
  family: { floor: 3, what: 'families and blocks', only: ['@convkit/core'], tfjs: PEERS },
  // data has what is not about models: downloads, the cache, files that appear whole.
  tool: { floor: 3, what: 'tools over any model', only: ['@convkit/core', '@convkit/graph', '@convkit/data'], tfjs: PEERS },
  graph: { floor: 2, what: 'a model as operations', tfjs: PEERS },
  base: { floor: 1, what: 'layers and options', tfjs: PEERS },
  data: { floor: 1, what: 'data sets, without TensorFlow.js', tfjs: [] },
};

/** What tests may import on top: the private test package, at any floor. */
export const TESTING = '@convkit/testing';

/** Workspaces that stand on a floor; testing and tools stand beside the house. @param {Workspace} workspace */
export const isInHouse = ({ dir }) => /^(packages|apps)\/|^bench$/.test(dir);

/** `@scope/name/path` and `name/path` without the path. @param {string} specifier */
export function packageOf(specifier) {
  return specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
}

/**
 * The place of every package, read from the manifests, and what is wrong with what they say.
 * @param {readonly Workspace[]} workspaces
 * @returns {{ places: ReadonlyMap<string, Place>, problems: Problem[] }}
 */
export function readPlaces(workspaces) {
  /** @type {Map<string, Place>} */
  const places = new Map();
  /** @type {Problem[]} */
  const problems = [];
  for (const workspace of workspaces.filter(isInHouse)) {
    const { dir, manifest } = workspace;
    /** @param {string} message */
    const problem = (message) => problems.push({ from: `${dir}/package.json`, message });
    const { kind, beside = [], ...rest } = Object(manifest.convkit);
    const allowed = Object.keys(KINDS).filter((name) => (name === 'app') !== dir.startsWith('packages/'));
    const found = allowed.includes(kind) ? KINDS[kind] : undefined;
    if (found === undefined) problem(`convkit.kind must be one of ${allowed.join(', ')}, got ${show(kind)}`);
    if (!Array.isArray(beside) || beside.some((name) => typeof name !== 'string' || !name.startsWith('@convkit/'))) problem(`convkit.beside must be a list of packages of this house, got ${show(beside)}`);
    else if (found !== undefined) places.set(manifest.name, { ...found, kind, beside });
    for (const key of Object.keys(rest)) problem(`convkit.${key} is unknown: kind and beside are known`);
  }
  for (const { dir, manifest } of workspaces) {
    const place = places.get(manifest.name);
    for (const specifier of place?.beside ?? []) {
      const neighbour = packageOf(specifier);
      const from = `${dir}/package.json`;
      if (neighbour === TESTING && place?.kind === 'app') continue;
      if (places.get(neighbour)?.floor !== place?.floor) problems.push({ from, message: `convkit.beside must name neighbours of floor ${place?.floor}, got ${specifier}` });
      else if (leadsTo(neighbour, manifest.name, places)) problems.push({ from, message: `convkit.beside must not go round in a circle: ${specifier} stands beside ${manifest.name} too` });
    }
  }
  return { places, problems };
}

/** Whether `from` stands beside `target`, through others or itself. @param {string} from @param {string} target @param {ReadonlyMap<string, Place>} places */
function leadsTo(from, target, places) {
  const seen = new Set([from]);
  for (const name of seen) {
    if (name === target) return true;
    for (const specifier of places.get(name)?.beside ?? []) seen.add(packageOf(specifier));
  }
  return false;
}
