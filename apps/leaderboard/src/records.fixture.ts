import { parseRecord, type RecordDraft, type ResultRecord } from '@convkit/bench/records';
import { estimateRatio, mean, noiseFloor, standardDeviation } from '@convkit/bench/statistics';

let made = 0;

/** What a test says of a record; the rest is filled in. */
export interface Given {
  readonly variant?: string;
  readonly arch?: string;
  readonly size?: number;
  readonly params?: number;
  readonly macs?: number;
  readonly created?: string;
  readonly quick?: boolean;
  readonly environment?: Partial<ResultRecord['environment']>;
  readonly config?: Record<string, unknown>;
}

/** A valid cost record. */
export function costRecord(given: Given = {}): ResultRecord {
  return checked({ ...shared(given), kind: 'cost', cost: cost(given) });
}

/** A valid speed record: every sample of the candidate took `milliseconds`, of the reference 20 ms. */
export function speedRecord(given: Given & { engine?: string; milliseconds?: number; batch?: number } = {}): ResultRecord {
  const { engine = 'wasm', milliseconds = 10, batch = 1, quick = false } = given;
  const samplesOf = (time: number) => [{ pairs: [{ order: 'ABBA' as const, candidate: [time, time], reference: [20, 20] }] }];
  const [samples, identical] = [samplesOf(milliseconds), samplesOf(20)];
  const { median, ci95, ci99 } = estimateRatio(samples);
  return checked({
    ...shared(given), kind: 'speed', cost: cost(given), correctness: { nanFree: true },
    speed: {
      mode: 'infer', batch, engine, backend: 'wasm', reference: { id: 'conv-stack', version: 1, backend: 'wasm' },
      design: { processes: 1, pairs: 1, order: 'ABBA', inner: { candidate: 1, reference: 1 }, quick, resamples: 2000, seed: 1 },
      samples, ratio: { median, ci95: [...ci95], ci99: [...ci99] }, aaFloor: { p95: noiseFloor(identical), samples: identical }, resolved: milliseconds !== 20, rivals: [],
      absolute: { p10: milliseconds, p50: milliseconds, p90: milliseconds }, cold: { build: 1, first: 1, steady: 1 },
    },
  });
}

/** A valid accuracy record, one seed a score. */
export function accuracyRecord(given: Given & { scores?: readonly number[]; dataset?: string; epochs?: number } = {}): ResultRecord {
  const { scores = [88, 90], dataset = 'fashion-mnist', epochs = 3, quick = false } = given;
  return checked({
    ...shared(given), kind: 'accuracy', cost: cost(given),
    accuracy: {
      dataset: { name: dataset, nTrain: 5000, nVal: 500, nTest: 10_000 },
      recipe: { optimizer: 'sgd', learningRate: 0.1, schedule: 'cosine', epochs, batch: 64, augment: 'none' },
      engine: 'wasm', seeds: scores.map((_, seed) => seed), selectedOn: 'last', quick, trainSeconds: 10,
      top1: { mean: mean(scores), sd: standardDeviation(scores), n: scores.length },
      perSeed: scores.map((top1, seed) => ({ seed, status: 'ok', top1, trainSeconds: 5, time: { computeSeconds: 5, dataSeconds: 0, evaluationSeconds: 0 }, epochs: [] })),
    },
  });
}

function shared({ variant = 'resnet18', arch = 'resnet', size = 224, params = 1000, created = '2026-01-02T03:04:05.000Z', environment = {}, config = {} }: Given) {
  return {
    schema: 1, status: 'ok', created, tier: 'visitor', notes: [],
    subject: { arch, variant, config: { classes: 10, inputShape: [size, size, 3], ...config }, params: { trainable: params, nonTrainable: 0, bytes: 4 * params } },
    input: { shape: [1, size, size, 3], dtype: 'float32', classes: 10 },
    environment: { os: 'linux', arch: 'x64', cpu: 'a processor', cores: 2, memBytes: 8e9, runtime: 'node 20', flags: {}, noisy: false, ...environment },
    provenance: { command: 'npx convkit bench', runner: { name: 'convkit', version: '0.0.0' } },
  } satisfies Omit<RecordDraft, 'kind'>;
}

function cost({ macs = 5000 }: Given) {
  return { convention: 'matmul-v1', macs, flops: 2 * macs, activations: 100 };
}

/** Fixtures go through the schema, so that a test cannot lean on a record that never occurs. */
function checked(draft: RecordDraft): ResultRecord {
  made += 1;
  const parsed = parseRecord({ ...draft, id: made.toString(16).padStart(64, '0') });
  if (!parsed.ok) throw new Error(parsed.problems.map(({ path, message }) => `${path}: ${message}`).join('; '));
  return parsed.record;
}
