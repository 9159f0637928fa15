// What a comparison with peers comes to, from its raw pairs.
import { median } from '@convkit/bench/statistics';

/** @typedef {{ model: string, threads: number, peer: string, load: number, pairs: readonly { ours: number, other: number }[] }} Run */

const ratiosOf = (/** @type {Run} */ { pairs }) => pairs.map(({ ours, other }) => other / ours);

/** @param {Run} run */
export function rowOf(run) {
  const ratios = ratiosOf(run);
  return {
    model: run.model, threads: run.threads, peer: run.peer,
    'peer ms': Number(median(run.pairs.map(({ other }) => other)).toFixed(2)), 'our ms': Number(median(run.pairs.map(({ ours }) => ours)).toFixed(2)),
    'peer / ours': Number(median(ratios).toFixed(3)), range: `${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)}`,
  };
}

/** Geometric means over the models of the medians of peer / ours, by peer and threads. @param {readonly Run[]} runs */
export function meansOf(runs) {
  const keys = [...new Set(runs.map(({ peer, threads }) => `${peer}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`))];
  return Object.fromEntries(keys.map((key) => {
    const logs = runs.filter(({ peer, threads }) => key.startsWith(`${peer}, ${threads} `)).map((run) => Math.log(median(ratiosOf(run))));
    return [key, Number(Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length).toFixed(3))];
  }));
}
