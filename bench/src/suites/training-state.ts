import { readFile } from 'node:fs/promises';
import { replaceFile } from '@convkit/data/node';
import type { TrainerState } from '@convkit/train';
import { readSafetensors, writeSafetensors } from '@convkit/weights';
import * as v from 'valibot';
import { CommandError, messageOf } from '../errors.js';

/** Notes of a training run, in the metadata of its state file. */
const Notes = v.object({
  format: v.literal('convkit-train/1'),
  model: v.string(),
  /** [H, W, C] and the number of classes that the network was built with. */
  inputShape: v.strictTuple([v.number(), v.number(), v.number()]),
  classes: v.number(),
  /** What the data are, so that a run goes on with the same. */
  dataset: v.string(),
  step: v.pipe(v.number(), v.integer(), v.minValue(0)),
  optimizer: v.picklist(['sgd', 'adam', 'adamW']),
  recipe: v.record(v.string(), v.union([v.string(), v.number()])),
});
export type TrainingNotes = Omit<v.InferOutput<typeof Notes>, 'format' | 'step' | 'optimizer'>;

const KEY = 'convkit_train';

/** Writes a state as a safetensors file, whole or not at all: `weights/<name>`, `slots/<slot>/<name>`, `average/<name>`. */
export async function saveState(file: string, state: TrainerState, notes: TrainingNotes): Promise<void> {
  const { step, optimizer, weights, slots, average = {} } = state;
  const entries = (prefix: string, values: Readonly<Record<string, Float32Array>>) => Object.entries(values).map(([name, numbers]) => ({ name: `${prefix}/${name}`, shape: [numbers.length], values: numbers }));
  const tensors = [...entries('weights', weights), ...Object.entries(slots).flatMap(([slot, values]) => entries(`slots/${slot}`, values)), ...entries('average', average)];
  const text = JSON.stringify({ format: 'convkit-train/1', step, optimizer, ...notes } satisfies v.InferOutput<typeof Notes>);
  await replaceFile(file, writeSafetensors(tensors, { metadata: { [KEY]: text } }));
}

/** Reads a state again, to the bit. @throws CommandError (input) for a file that is none, SafetensorsError for a damaged one. */
export async function loadState(file: string): Promise<{ state: TrainerState; notes: TrainingNotes }> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new CommandError('input', `--resume ${file} cannot be read: ${messageOf(cause)}`);
  });
  const { metadata, tensors } = readSafetensors(bytes, { file });
  const { format: _, step, optimizer, ...notes } = readNotes(file, metadata.get(KEY));
  const weights: Record<string, Float32Array> = {};
  const average: Record<string, Float32Array> = {};
  const slots: Record<string, Record<string, Float32Array>> = {};
  for (const [key, { values }] of tensors) {
    const [, kind, slot = '', name = ''] = /^(weights|average|slots\/([^/]+))\/(.+)$/s.exec(key) ?? [];
    if (kind === 'weights') weights[name] = values;
    else if (kind === 'average') average[name] = values;
    else if (kind !== undefined) (slots[slot] ??= {})[name] = values;
  }
  return { state: { step, optimizer, weights, slots, ...(Object.keys(average).length === 0 ? {} : { average }) }, notes };
}

function readNotes(file: string, text: string | undefined): v.InferOutput<typeof Notes> {
  if (text === undefined) throw new CommandError('input', `--resume ${file} must be a state of convkit train`, 'convkit train writes state.safetensors beside model.json');
  try {
    return v.parse(Notes, JSON.parse(text));
  } catch (error) {
    throw new CommandError('input', `--resume ${file}: its notes are damaged: ${messageOf(error)}`);
  }
}
