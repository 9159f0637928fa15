import * as v from 'valibot';
import { mean } from '../statistics.js';
import { finite, count, positiveInteger, nonNegative, positive, percent, text, word, sha256, interval, isClose } from './fields.js';

const Epoch = v.strictObject({
  epoch: positiveInteger,
  learningRate: nonNegative,
  /** Mean cross-entropy over the epoch's batches, nats. */
  trainLoss: v.optional(finite),
  valLoss: v.optional(finite),
  valTop1: v.optional(percent),
  seconds: nonNegative,
});

const SeedRun = v.strictObject({
  seed: count,
  status: v.picklist(['ok', 'diverged', 'failed']),
  /** The epoch where the loss stopped being finite. */
  divergedAt: v.optional(positiveInteger),
  /** Percent of the test set right; read once, after training. */
  top1: v.optional(percent),
  valTop1: v.optional(percent),
  testLoss: v.optional(finite),
  trainSeconds: nonNegative,
  /** Where the seconds went. */
  time: v.strictObject({ computeSeconds: nonNegative, dataSeconds: nonNegative, evaluationSeconds: nonNegative }),
  epochs: v.array(Epoch),
});

/** Accuracy of one recipe over its seeds. */
export const Accuracy = v.pipe(
  v.strictObject({
    dataset: v.strictObject({
      name: word,
      source: v.optional(text),
      sha256: v.optional(sha256),
      nTrain: positiveInteger,
      nVal: count,
      nTest: positiveInteger,
    }),
    recipe: v.strictObject({
      optimizer: word,
      learningRate: positive,
      schedule: word,
      epochs: positiveInteger,
      batch: positiveInteger,
      momentum: v.optional(nonNegative),
      weightDecay: v.optional(nonNegative),
      labelSmoothing: v.optional(nonNegative),
      augment: text,
    }),
    engine: word,
    seeds: v.pipe(v.array(count), v.minLength(1)),
    /** What chose the reported weights: the last epoch as planned, or the best on validation. Never the test set. */
    selectedOn: v.picklist(['last', 'val']),
    /** Over the seeds that finished; sd and interval need two. */
    top1: v.optional(
      v.strictObject({ mean: percent, sd: v.optional(nonNegative), ci95: v.optional(interval), n: positiveInteger }),
    ),
    perSeed: v.array(SeedRun),
    /** Sum over seeds. */
    trainSeconds: nonNegative,
    quick: v.boolean(),
  }),
  v.check(({ top1, perSeed }) => {
    const finished = perSeed.flatMap((run) => (run.status === 'ok' && run.top1 !== undefined ? [run.top1] : []));
    if (top1 === undefined) return finished.length === 0;
    return finished.length === top1.n && isClose(mean(finished), top1.mean);
  }, 'top1.mean must be the mean of perSeed top1'),
);
