import { ratioMedian } from '../statistics.js';
import { SCHEMA_VERSION, type RecordDraft } from './schema.js';

/** Valid drafts of each kind, for tests: here and in the page. */
const shared = {
  schema: SCHEMA_VERSION,
  status: 'ok',
  created: '2026-01-02T03:04:05.678Z',
  tier: 'visitor',
  subject: {
    arch: 'resnet',
    variant: 'resnet18',
    config: { classes: 1000 },
    params: { trainable: 11_689_512, nonTrainable: 9_600, bytes: 46_796_448 },
    receptiveField: 435,
  },
  input: { shape: [1, 224, 224, 3], dtype: 'float32', classes: 1000, seed: 1 },
  environment: {
    os: 'linux 6.1', arch: 'x64', cpu: 'a processor', cores: 2, memBytes: 8e9, runtime: 'node 20.20.2', flags: {}, noisy: false,
  },
  provenance: { command: 'npx convkit bench cost resnet18', runner: { name: 'convkit', version: '0.0.0' } },
  notes: [],
} satisfies Partial<RecordDraft>;

const cost = { convention: 'matmul-v1', macs: 1_814_073_344, flops: 3_628_146_688, activations: 2_000_000 };

const samples = [
  { pairs: [{ order: 'ABBA' as const, candidate: [10, 11], reference: [20, 21] }] },
  { pairs: [{ order: 'BAAB' as const, candidate: [12, 13], reference: [22, 21] }] },
];

/** A cost record without an id. */
export function sampleCost(): RecordDraft {
  return structuredClone<RecordDraft>({ ...shared, kind: 'cost', cost });
}

/** A speed record of two processes with one pair each. */
export function sampleSpeed(): RecordDraft {
  const ratio = { median: ratioMedian(samples), ci95: [0.4, 0.7] as [number, number], ci99: [0.3, 0.8] as [number, number] };
  return structuredClone<RecordDraft>({
    ...shared,
    kind: 'speed',
    cost,
    speed: {
      mode: 'infer', batch: 1, engine: 'wasm', backend: 'wasm',
      reference: { id: 'conv-stack', version: 1, backend: 'wasm' },
      design: { processes: 2, pairs: 1, order: 'ABBA', inner: { candidate: 1, reference: 3 }, quick: true, resamples: 2000, seed: 1 },
      samples, ratio, aaFloor: { p95: 0.03, samples }, resolved: true, rivals: [],
      absolute: { p10: 10, p50: 11.5, p90: 13 }, cold: { build: 50, first: 40, steady: 11 }, achieved: 150,
    },
    memory: { peakTensorBytes: 5e7, rssPeak: 2e8, leakedTensors: 0 },
    correctness: { nanFree: true },
  });
}

/** An accuracy record of two seeds. */
export function sampleAccuracy(): RecordDraft {
  const run = (seed: number, top1: number) => ({
    seed, status: 'ok' as const, top1, valTop1: 88, testLoss: 0.4, trainSeconds: 30,
    time: { computeSeconds: 28, dataSeconds: 1, evaluationSeconds: 1 },
    epochs: [{ epoch: 1, learningRate: 0.1, trainLoss: 0.6, valLoss: 0.5, valTop1: 88, seconds: 30 }],
  });
  return structuredClone<RecordDraft>({
    ...shared,
    kind: 'accuracy',
    cost,
    accuracy: {
      dataset: { name: 'fashion-mnist', nTrain: 5000, nVal: 500, nTest: 10_000 },
      recipe: { optimizer: 'sgd-nesterov', learningRate: 0.1, schedule: 'cosine', epochs: 1, batch: 64, momentum: 0.9, augment: 'none' },
      engine: 'wasm', seeds: [1, 2], selectedOn: 'last', perSeed: [run(1, 87), run(2, 89)],
      top1: { mean: 88, sd: Math.SQRT2, ci95: [75.3, 100.7], n: 2 }, trainSeconds: 60, quick: true,
    },
  });
}
