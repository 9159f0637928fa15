import { CommandError } from '../errors.js';
import { nearest } from '../nearest.js';
import type { Device, Engine, Unavailable } from './engine.js';
import { onnxruntimeEngine } from './onnxruntime.js';
import { pageEngine } from './page.js';
import { tfjsEngine } from './tfjs.js';

/** Every engine this release knows: tfjs backends, the most native first, which is the order in which `auto` looks; then onnxruntime. */
export const ENGINES: readonly Engine[] = [
  tfjsEngine('tensorflow-gpu', 'plain'),
  tfjsEngine('tensorflow-gpu', 'compiled'),
  tfjsEngine('tensorflow', 'plain'),
  tfjsEngine('tensorflow', 'compiled'),
  tfjsEngine('webgpu', 'plain'),
  tfjsEngine('webgpu', 'compiled'),
  pageEngine('webgl', 'webgl'),
  tfjsEngine('wasm', 'plain'),
  tfjsEngine('wasm', 'compiled'),
  tfjsEngine('wasm-threads', 'plain'),
  tfjsEngine('wasm-threads', 'compiled'),
  tfjsEngine('cpu', 'plain'),
  tfjsEngine('cpu', 'compiled'),
  onnxruntimeEngine('cpu'),
  onnxruntimeEngine('webgpu'),
  onnxruntimeEngine('cuda'),
  pageEngine('onnxruntime-web', 'onnxruntime'),
];

/** What `auto` adds where it is installed: what tfjs does here and what the same model does natively belong side by side. */
const NATIVE = 'onnxruntime';

/** Not ways to run faster but things to compare with; only by name, never by `auto` or `all`. */
const COMPARISONS: readonly Engine[] = [tfjsEngine('wasm', 'stock'), tfjsEngine('cpu', 'stock')];

/** What `doctor` prints of one engine. */
export interface EngineReport {
  readonly id: string;
  readonly available: boolean;
  readonly reason?: string;
  readonly hint?: string;
  /** What it computes on. */
  readonly device?: Device;
}

/** Asks every engine whether it can run here, and why not. */
export async function surveyEngines(): Promise<EngineReport[]> {
  const reports: EngineReport[] = [];
  // One after the other: two tfjs backends starting at once race for which of them is current.
  for (const engine of ENGINES) {
    const answer = await engine.available();
    const device = answer === true ? await engine.device?.() : undefined;
    reports.push({ id: engine.id, available: answer === true, ...(answer === true ? {} : answer), ...(device === undefined ? {} : { device }) });
  }
  return reports;
}

/** Engines chosen for a run, with lines on why when the choice was not the caller's, and on which GPU was found. */
export interface EngineChoice {
  readonly engines: readonly Engine[];
  readonly because?: string;
}

/**
 * The engines behind a list of ids. `auto` is the first available engine and its compiled form, and onnxruntime where it is
 * installed; `all` is every available one. An id that is unknown is wrong usage; a known engine that cannot run here is an error of the
 * environment and never replaced by another.
 */
export async function chooseEngines(ids: readonly string[]): Promise<EngineChoice> {
  const chosen = new Map<string, Engine>();
  const because: string[] = [];
  for (const id of ids) {
    if (id === 'auto' || id === 'all') {
      const { engines, line } = await firstAvailable(id === 'all');
      because.push(line);
      for (const engine of engines) chosen.set(engine.id, engine);
    } else {
      chosen.set(id, await availableEngine(id));
    }
  }
  refuseTwins([...chosen.values()]);
  for (const engine of chosen.values()) {
    const device = engine.id.includes('+compiled') ? undefined : await engine.device?.();
    if (device !== undefined) because.push(`engine ${engine.id} on ${device.name}${device.software ? ', a GPU that the processor imitates' : ''}`);
  }
  return { engines: [...chosen.values()], ...(because.length === 0 ? {} : { because: because.join('\n') }) };
}

/** The engine of that id. Throws wrong usage, with the nearest id, when there is none. */
export function engineById(id: string): Engine {
  const known = [...ENGINES, ...COMPARISONS];
  const engine = known.find((candidate) => candidate.id === id);
  if (engine !== undefined) return engine;
  const ids = [...known.map((candidate) => candidate.id), 'auto', 'all'];
  const [closest] = nearest(id, ids);
  const hint = closest === undefined ? undefined : `did you mean ${closest}?`;
  throw new CommandError('usage', `--engine must be one of ${ids.join(', ')}, got ${JSON.stringify(id)}`, hint);
}

/** TensorFlow's two addons are one library built twice: a process can hold one. */
const areTwins = (a: Engine, b: Engine): boolean => a.backend !== b.backend && a.backend.startsWith('tensorflow') && b.backend.startsWith('tensorflow');

function refuseTwins(engines: readonly Engine[]): void {
  const [first] = engines.filter((engine) => engines.some((other) => areTwins(engine, other)));
  if (first !== undefined) throw new CommandError('usage', '--engine must name one of tensorflow and tensorflow-gpu, got both', 'they cannot run in one process: measure them with two commands');
}

async function availableEngine(id: string): Promise<Engine> {
  const engine = engineById(id);
  const answer = await engine.available();
  if (answer === true) return engine;
  throw new CommandError('environment', `--engine ${id} is not available here: ${answer.reason}`, answer.hint ?? 'convkit doctor lists what is');
}

async function firstAvailable(all: boolean): Promise<{ engines: Engine[]; line: string }> {
  const available: Engine[] = [];
  const missing: string[] = [];
  for (const engine of ENGINES) {
    const [first] = available;
    // What is not going to be chosen is not asked: some answers start a process.
    if (!all && first !== undefined && engine.backend !== first.backend && engine.id !== NATIVE) continue;
    if (available.some((other) => areTwins(engine, other))) continue;
    let answer: true | Unavailable = await engine.available();
    // A GPU that the processor imitates is slower than the processor.
    if (!all && answer === true && (await engine.device?.())?.software === true) answer = { reason: 'a software GPU' };
    if (answer === true) available.push(engine);
    else if (available.length === 0 && !engine.id.includes('+')) missing.push(engine.id);
  }
  const [first] = available;
  if (first === undefined) throw new CommandError('environment', 'no engine is available here', 'convkit doctor lists the reasons');
  const names = available.map((engine) => engine.id).join(', ');
  if (all) return { engines: available, line: `engines ${names}: all that are available here` };
  const passed = missing.length === 0 ? 'the first in order' : `the first available (not here: ${missing.join(', ')})`;
  const beside = first.id !== NATIVE && available.some(({ id }) => id === NATIVE) ? `, and ${NATIVE} beside it` : '';
  return { engines: available, line: `engine ${names}: ${passed}${beside}` };
}
