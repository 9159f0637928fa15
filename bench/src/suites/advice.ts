import type { EngineReport } from '../engines/catalog.js';
import type { ResultRecord } from '../records/schema.js';
import type { Probe } from './probe-job.js';

/** What every ratio of the advice is against: it runs everywhere. */
const BASE = 'wasm';
/** Below, a ratio of two quick looks says nothing. */
const WORTH_SAYING = 1.2;

/** How much faster than wasm an engine was in records that have both, a geometric mean. */
export interface Recorded {
  readonly times: number;
  readonly records: number;
  /** Processors that they were recorded on. */
  readonly cpus: readonly string[];
}

/** One line of advice, with the ratio that it rests on where there is one. */
export interface Advice {
  readonly engine: string;
  readonly line: string;
  readonly times?: number;
}

/** The speed of `engine` against wasm in what was recorded, inference of the same model in the same processes. */
export function recordedAgainstWasm(records: readonly ResultRecord[], engine: string): Recorded | undefined {
  const found = records.flatMap(({ speed, environment }) => {
    const rival = speed?.engine === engine && speed.mode === 'infer' ? speed.rivals.find((other) => other.engine === BASE) : undefined;
    return rival === undefined ? [] : [{ times: 1 / rival.ratio.median, cpu: environment.cpu }];
  });
  if (found.length === 0) return undefined;
  const logs = found.reduce((sum, { times }) => sum + Math.log(times), 0);
  return { times: Math.exp(logs / found.length), records: found.length, cpus: [...new Set(found.map(({ cpu }) => cpu))] };
}

/**
 * What follows from a look at the machine: the fastest engine that is here, and what to install, with how much faster that
 * was where somebody recorded it. No ratio is assumed.
 */
export function adviceFrom(reports: readonly EngineReport[], probes: Readonly<Record<string, Probe | { error: string }>>, records: readonly ResultRecord[]): Advice[] {
  const advice: Advice[] = [];
  const measured = Object.entries(probes).flatMap(([id, probe]) => ('gflops' in probe ? [{ id, gflops: probe.gflops }] : []));
  const base = measured.find(({ id }) => id === BASE);
  const [fastest] = [...measured].sort((a, b) => b.gflops - a.gflops);
  const times = fastest === undefined || base === undefined ? 1 : fastest.gflops / base.gflops;
  if (fastest !== undefined && times > WORTH_SAYING) advice.push({ engine: fastest.id, times, line: `use --engine ${fastest.id}: ${times.toFixed(1)}x ${BASE} in this convolution` });
  for (const { id, available, hint } of reports) {
    const install = /^npm install [^\s,]+/.exec(hint ?? '')?.[0];
    if (available || install === undefined || id.includes('+')) continue;
    const recorded = recordedAgainstWasm(records, id);
    // Whether there is a GPU is not known.
    if (recorded === undefined ? id.includes('gpu') : recorded.times <= WORTH_SAYING) continue;
    const evidence = recorded === undefined ? 'no record says how fast' : `${recorded.times.toFixed(1)}x ${BASE} in ${recorded.records} ${recorded.records === 1 ? 'record' : 'records'} (${recorded.cpus.join(', ')})`;
    advice.push({ engine: id, line: `${install} for ${id}: ${evidence}`, ...(recorded === undefined ? {} : { times: recorded.times }) });
  }
  return advice;
}
