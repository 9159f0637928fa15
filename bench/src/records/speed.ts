import * as v from 'valibot';
import { isResolved, ratioMedian } from '../statistics.js';
import { count, positiveInteger, nonNegative, positive, word, interval, isClose } from './fields.js';

/** Raw times: each number is the milliseconds of one run, averaged over the inner repeats of one sample. */
const Pair = v.strictObject({
  /** Order of this round between the two: candidate first ('ABBA') or reference first ('BAAB'). */
  order: v.picklist(['ABBA', 'BAAB']),
  candidate: v.pipe(v.array(positive), v.minLength(1)),
  reference: v.pipe(v.array(positive), v.minLength(1)),
});
const Samples = v.pipe(
  v.array(v.strictObject({ pairs: v.pipe(v.array(Pair), v.minLength(1)) })),
  v.minLength(1),
);
const Ratio = v.strictObject({ median: positive, ci95: interval, ci99: interval });

/** Another engine that ran the same model in the same processes. */
const Rival = v.pipe(
  v.strictObject({ engine: word, samples: Samples, ratio: Ratio, resolved: v.boolean() }),
  v.check(({ samples, ratio }) => headlineAgrees(samples, ratio), 'ratio.median must follow from the raw samples'),
);

/** Time against a frozen reference, and against the other engines of the same processes. */
export const Speed = v.pipe(
  v.strictObject({
    mode: v.picklist(['infer', 'train']),
    batch: positiveInteger,
    /** Engine id: 'wasm', 'wasm+compiled', ... */
    engine: word,
    /** The tfjs backend or runtime below it. */
    backend: word,
    /** The frozen workload that the ratio is against. */
    reference: v.strictObject({ id: word, version: positiveInteger, backend: word }),
    design: v.strictObject({
      processes: positiveInteger,
      /** Interleaved rounds in each process. */
      pairs: positiveInteger,
      order: word,
      /** Runs inside one sample, candidate and reference, the median over processes. */
      inner: v.strictObject({ candidate: positiveInteger, reference: positiveInteger }),
      /** Fewer processes than the protocol asks for (8): a look, not a result to publish. */
      quick: v.boolean(),
      resamples: positiveInteger,
      seed: count,
    }),
    /** Raw times of candidate and reference, a list a process. */
    samples: Samples,
    /** time(candidate) / time(reference): below 1 is faster than the reference. */
    ratio: Ratio,
    /** Identical code against itself in the same processes. p95 is a share: 0.02 is 2 %. */
    aaFloor: v.strictObject({ p95: nonNegative, samples: Samples }),
    /** The ratio differs from 1 beyond interval, floor and 2 %. */
    resolved: v.boolean(),
    rivals: v.array(Rival),
    /** Milliseconds a sample (not a batch). Comparable within one environment only. */
    absolute: v.strictObject({ p10: positive, p50: positive, p90: positive }),
    /** Milliseconds: building the model, its first run, and one run when warm (a batch each). */
    cold: v.strictObject({ build: nonNegative, first: nonNegative, steady: nonNegative }),
    /** 10^9 multiply-adds a second at the median. */
    achieved: v.optional(nonNegative),
  }),
  v.check(({ samples, ratio }) => headlineAgrees(samples, ratio), 'ratio.median must follow from the raw samples'),
  v.check(({ samples, design }) => samples.length === design.processes, 'samples must hold one list a process'),
  v.check(({ ratio, aaFloor, resolved }) => isResolved(ratio, aaFloor.p95) === resolved, 'resolved must follow from ratio and floor'),
);

function headlineAgrees(samples: v.InferOutput<typeof Samples>, ratio: v.InferOutput<typeof Ratio>): boolean {
  // Later checks run even when an earlier one has failed: an empty list is reported by its own rule.
  const complete = samples.length > 0 && samples.every(({ pairs }) => pairs.length > 0);
  return complete && isClose(ratioMedian(samples), ratio.median);
}
