/** The groups of a record that every kind may have. */
import * as v from 'valibot';
import { finite, count, positiveInteger, nonNegative, percent, text, word } from './fields.js';

/** What was measured. */
export const Subject = v.strictObject({
  /** Family id: 'resnet'. 'user' for a model read from a file. */
  arch: word,
  /** Variant id: 'resnet50'. */
  variant: word,
  paper: v.optional(v.strictObject({ title: text, year: v.optional(positiveInteger), url: v.optional(text) })),
  /** What the builder was given beyond the variant: classes, inputShape, options. */
  config: v.record(v.string(), v.unknown()),
  params: v.strictObject({
    /** Weights and biases that a gradient moves (the PyTorch count). */
    trainable: count,
    /** Running statistics of batch normalisation. */
    nonTrainable: count,
    /** All of them in bytes. */
    bytes: count,
  }),
  /** Pixels along one side that one output position sees. */
  receptiveField: v.optional(nonNegative),
});

/** What it was fed. */
export const Input = v.strictObject({
  /** [N, H, W, C] */
  shape: v.tuple([positiveInteger, positiveInteger, positiveInteger, positiveInteger]),
  dtype: word,
  /** Absent for a model that puts out maps or several tensors. */
  classes: v.optional(positiveInteger),
  /** Seed of the generated input, or of the weights. */
  seed: v.optional(count),
});

/** Cost of one layer at batch 1. */
const CostLayer = v.strictObject({
  name: text,
  type: text,
  inShape: v.optional(v.array(count)),
  outShape: v.array(count),
  params: count,
  macs: count,
  elementwiseOps: v.optional(nonNegative),
  activationBytes: v.optional(count),
});

/** Counts, no measurement: exact and the same on every machine. */
export const Cost = v.pipe(
  v.strictObject({
    /** 'matmul-v1': multiply-adds of convolutions and dense products, no bias, batch norm folded. */
    convention: word,
    /** Multiply-adds of one sample. */
    macs: count,
    /** 2 x macs. */
    flops: count,
    /** Every operation of one sample, element-wise ones included. */
    allOps: v.optional(nonNegative),
    /** Elements that convolutions and dense layers put out, one sample. */
    activations: count,
    activationBytes: v.optional(count),
    /** Largest sum of live activations, bytes, one sample. */
    peakActivationBytes: v.optional(count),
    weightsBytes: v.optional(count),
    /** FLOP per byte of unfused traffic. */
    arithmeticIntensity: v.optional(nonNegative),
    layers: v.optional(v.array(CostLayer)),
  }),
  v.check((cost) => cost.flops === 2 * cost.macs, 'flops must be exactly 2 x macs'),
);

/** Memory of the measured process. */
export const Memory = v.strictObject({
  /** Largest tf.memory().numBytes seen. */
  peakTensorBytes: v.optional(count),
  /** High-water mark of the process, bytes. */
  rssPeak: v.optional(count),
  /** Tensors that one run left behind; 0 or the row is rejected. */
  leakedTensors: v.optional(count),
});

/** Whether the outputs were right while the clock ran. */
export const Correctness = v.strictObject({
  /** Largest |difference| of the outputs against the plain layers model on the same backend. */
  maxAbsDiffVsPlain: v.optional(nonNegative),
  /** The same against tfjs' cpu backend. */
  maxAbsDiffVsCpu: v.optional(nonNegative),
  tolerance: v.optional(nonNegative),
  nanFree: v.boolean(),
});

const Load = v.strictObject({ one: nonNegative, five: nonNegative, fifteen: nonNegative });

/** The machine and what else it was doing. No host name, user name or path. */
export const Environment = v.strictObject({
  os: word,
  arch: word,
  cpu: word,
  cores: positiveInteger,
  memBytes: positiveInteger,
  /** 'node 20.20.2' */
  runtime: word,
  tfjs: v.optional(word),
  flags: v.record(v.string(), v.union([v.string(), v.boolean(), finite])),
  adapter: v.optional(text),
  simd: v.optional(v.boolean()),
  threads: v.optional(count),
  loadBefore: v.optional(Load),
  loadAfter: v.optional(Load),
  /** Percent of the last ten seconds in which some process waited for a core. */
  cpuPressure: v.optional(v.strictObject({ before: v.optional(percent), after: v.optional(percent) })),
  stealTicks: v.optional(count),
  /** The machine was busy with other work: read the figures with care. */
  noisy: v.boolean(),
  commit: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]{7,64}$/))),
  dirty: v.optional(v.boolean()),
});

/** How to get this record again. */
export const Provenance = v.strictObject({
  /** Runnable as written. */
  command: text,
  runner: v.strictObject({ name: word, version: word }),
  /** Records of one invocation share it. */
  session: v.optional(word),
  ciRun: v.optional(text),
  submitter: v.optional(text),
  reviewedBy: v.optional(text),
});

/** Why there is no result. */
export const Failure = v.strictObject({
  message: text,
  signal: v.optional(word),
  exitCode: v.optional(v.pipe(v.number(), v.integer())),
  log: v.array(text),
});
