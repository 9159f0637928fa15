import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { CommandError } from '../errors.js';

const shape = v.array(v.pipe(v.number(), v.integer(), v.minValue(1)));
const parameters = v.array(v.strictTuple([v.string(), shape]));
const entry = v.object({ module: v.string(), constructor: v.string(), kwargs: v.record(v.string(), v.unknown()) });

const inferSchema = v.object({
  format: v.literal('parity-infer/1'),
  model: v.string(),
  source: v.string(),
  entry,
  input_shape: v.strictTuple([v.number(), v.number(), v.number(), v.number()]),
  params: parameters,
  trainable_params: v.number(),
  output: v.object({ shape, first: v.array(v.number()), l2: v.number() }),
  trace: v.array(v.strictTuple([v.string(), v.string(), shape, v.number(), v.number()])),
});

const trainSchema = v.object({
  format: v.literal('parity-train/1'),
  model: v.string(),
  source: v.string(),
  entry,
  input_shape: v.strictTuple([v.number(), v.number(), v.number(), v.number()]),
  labels: v.array(v.pipe(v.number(), v.integer(), v.minValue(0))),
  params: parameters,
  logits0_first: v.array(v.number()),
  loss0: v.number(),
  lr_small: v.number(),
  loss1_small: v.number(),
  bn_after_first_forward: v.array(v.object({ name: v.string(), running_mean_l2: v.number(), running_var_l2: v.number() })),
  grads: v.array(v.strictTuple([v.string(), v.number(), v.array(v.number())])),
  zero_grads: v.array(v.string()),
  tolerance: v.record(v.string(), v.number()),
});

const values = v.object({
  shape: v.array(v.number()),
  data: v.optional(v.array(v.number())),
  first: v.optional(v.array(v.number())),
  last: v.optional(v.array(v.number())),
  l2: v.optional(v.number()),
});

const operatorsSchema = v.object({
  format: v.literal('parity-ops/1'),
  computed: v.string(),
  cases: v.array(v.object({
    name: v.string(),
    op: v.string(),
    attrs: v.record(v.string(), v.unknown()),
    inputs: v.record(v.string(), v.object({ shape, scale: v.optional(v.number()), shift: v.optional(v.number()) })),
    outputs: v.object({ y: values }),
    grads: v.record(v.string(), values),
  })),
});

const fixtureSchema = v.variant('format', [inferSchema, trainSchema, operatorsSchema]);

export type InferFixture = v.InferOutput<typeof inferSchema>;
export type TrainFixture = v.InferOutput<typeof trainSchema>;
/** Of a whole network. */
export type NetworkFixture = InferFixture | TrainFixture;
export type OperatorsFixture = v.InferOutput<typeof operatorsSchema>;
export type Fixture = v.InferOutput<typeof fixtureSchema>;

/** One comparison: an error, the limit it must not pass, and what was compared. */
export interface Check {
  name: string;
  error: number;
  limit: number;
}

/** Reads and checks a fixture file. @throws CommandError (exit 3) naming the file and the field. */
export async function readFixture(file: string): Promise<Fixture> {
  const text = await readFile(file, 'utf8').catch((cause: Error) => {
    throw new CommandError('input', `parity: ${file} cannot be read: ${cause.message}`);
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CommandError('input', `parity: ${file} is not JSON: ${(cause as Error).message}`);
  }
  const result = v.safeParse(fixtureSchema, value);
  if (result.success) return result.output;
  const issue = result.issues[0];
  throw new CommandError('input', `parity: ${file}: ${v.getDotPath(issue) ?? 'the file'}: ${issue.message}`, 'Formats: parity-infer/1, parity-train/1 and parity-ops/1.');
}
