/**
 * The result record: one JSON file a measurement, the only thing the leaderboard reads.
 * Runs in Node and in the browser. Units stand beside the fields; every number is finite and every headline
 * is recomputed from the raw samples that the record carries, so an edited headline does not validate.
 */
import * as v from 'valibot';
import { mean, ratioMedian } from '../statistics.js';

/** The version this code writes and reads. */
export const SCHEMA_VERSION = 1;

const finite = v.pipe(v.number(), v.finite());
const count = v.pipe(v.number(), v.finite(), v.integer(), v.minValue(0));
const positiveInteger = v.pipe(count, v.minValue(1));
const nonNegative = v.pipe(finite, v.minValue(0));
const positive = v.pipe(finite, v.check((value) => value > 0, 'must be above 0'));
const percent = v.pipe(finite, v.minValue(0), v.maxValue(100));
const text = v.pipe(v.string(), v.maxLength(2000));
const word = v.pipe(v.string(), v.minLength(1), v.maxLength(200));
const sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits'));
const interval = v.pipe(
  v.tuple([finite, finite]),
  v.check(([low, high]) => low <= high, 'must run from the lower to the upper end'),
);

const Subject = v.strictObject({
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

const Input = v.strictObject({
  /** [N, H, W, C] */
  shape: v.tuple([positiveInteger, positiveInteger, positiveInteger, positiveInteger]),
  dtype: word,
  classes: positiveInteger,
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

const Cost = v.pipe(
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

const Speed = v.pipe(
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
);

const Memory = v.strictObject({
  /** Largest tf.memory().numBytes seen. */
  peakTensorBytes: v.optional(count),
  /** High-water mark of the process, bytes. */
  rssPeak: v.optional(count),
  /** Tensors that one run left behind; 0 or the row is rejected. */
  leakedTensors: v.optional(count),
});

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

const Accuracy = v.pipe(
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
    return finished.length === top1.n && close(mean(finished), top1.mean);
  }, 'top1.mean must be the mean of perSeed top1'),
);

const Correctness = v.strictObject({
  /** Largest |difference| of the outputs against the plain layers model on the same backend. */
  maxAbsDiffVsPlain: v.optional(nonNegative),
  /** The same against tfjs' cpu backend. */
  maxAbsDiffVsCpu: v.optional(nonNegative),
  tolerance: v.optional(nonNegative),
  nanFree: v.boolean(),
});

const Load = v.strictObject({ one: nonNegative, five: nonNegative, fifteen: nonNegative });

const Environment = v.strictObject({
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

const Provenance = v.strictObject({
  /** Runnable as written. */
  command: text,
  runner: v.strictObject({ name: word, version: word }),
  /** Records of one invocation share it. */
  session: v.optional(word),
  ciRun: v.optional(text),
  submitter: v.optional(text),
  reviewedBy: v.optional(text),
});

const Failure = v.strictObject({
  message: text,
  signal: v.optional(word),
  exitCode: v.optional(v.pipe(v.number(), v.integer())),
  log: v.array(text),
});

/** What a run can end as; only 'ok' is ranked. */
export const STATUSES = ['ok', 'diverged', 'crashed', 'timeout', 'out of memory', 'interrupted', 'rejected'] as const;

/** The record itself. Throws nothing: use `parseRecord`. */
export const ResultRecord = v.pipe(
  v.strictObject({
    schema: v.literal(SCHEMA_VERSION),
    /** SHA-256 of the canonical JSON of the record without this field. */
    id: sha256,
    kind: v.picklist(['cost', 'speed', 'accuracy']),
    status: v.picklist(STATUSES),
    /** RFC 3339, UTC. */
    created: v.pipe(v.string(), v.isoTimestamp(), v.endsWith('Z')),
    tier: v.picklist(['ci', 'maintainer', 'visitor']),
    subject: Subject,
    input: Input,
    cost: v.optional(Cost),
    speed: v.optional(Speed),
    memory: v.optional(Memory),
    accuracy: v.optional(Accuracy),
    correctness: v.optional(Correctness),
    failure: v.optional(Failure),
    environment: Environment,
    provenance: Provenance,
    /** Short codes: 'quick', 'noisy-machine', 'dirty-tree', ... */
    notes: v.array(word),
    /** The id of a record that this one corrects. */
    supersedes: v.optional(sha256),
  }),
  v.check((record) => record.status !== 'ok' || record[record.kind] !== undefined, 'an ok record needs its own group'),
  v.check((record) => (record.status === 'ok') === (record.failure === undefined), 'failure goes with a status not ok'),
  v.check(
    (record) => record.kind !== 'accuracy' || record.status !== 'ok' || record.accuracy?.top1 !== undefined,
    'an ok accuracy record needs top1',
  ),
);

/** A record that passed the schema. */
export type ResultRecord = v.InferOutput<typeof ResultRecord>;

/** A record before it has an id. */
export type RecordDraft = Omit<ResultRecord, 'id'>;

/** One problem: the path inside the record and what is wrong there. */
export interface RecordProblem {
  readonly path: string;
  readonly message: string;
}

/** A parsed record, or every reason why it is none. */
export type ParsedRecord =
  | { readonly ok: true; readonly record: ResultRecord }
  | { readonly ok: false; readonly problems: readonly RecordProblem[] };

/** Checks a value read from JSON. A record of a newer schema is refused with both versions named. */
export function parseRecord(value: unknown): ParsedRecord {
  const version = schemaVersion(value);
  if (version !== undefined && version > SCHEMA_VERSION) {
    const message = `schema version ${version} is newer than ${SCHEMA_VERSION}: update convkit to read it`;
    return { ok: false, problems: [{ path: 'schema', message }] };
  }
  const result = v.safeParse(ResultRecord, value);
  if (result.success) return { ok: true, record: result.output };
  const problems = result.issues.map((issue) => ({
    path: v.getDotPath(issue) ?? '(record)',
    message: issue.message,
  }));
  return { ok: false, problems };
}

function schemaVersion(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null || !('schema' in value)) return undefined;
  return typeof value.schema === 'number' ? value.schema : undefined;
}

function headlineAgrees(samples: v.InferOutput<typeof Samples>, ratio: v.InferOutput<typeof Ratio>): boolean {
  return close(ratioMedian(samples), ratio.median);
}

function close(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a), Math.abs(b));
}
