import type { LayersModel } from '@tensorflow/tfjs-layers';
import { ensureBackend } from '../engines/backends.js';
import { CommandError } from '../errors.js';
import { nearest } from '../nearest.js';

/** What to measure, as it travels to a child process: a variant of the zoo or a model.json file. */
export interface SubjectRef {
  readonly name: string;
  /** [H, W, C]; default: the variant's own. */
  readonly inputShape?: readonly [number, number, number];
  readonly classes?: number;
}

/** A subject that can be built. */
export interface Subject {
  /** Variant id, or the file's name without folder and ending. */
  readonly variant: string;
  /** Family id, or 'user' for a file. */
  readonly family: string;
  readonly paper?: { readonly title: string; readonly year?: number; readonly url?: string };
  /** What it is built with beyond the variant's own defaults. */
  readonly config: Readonly<Record<string, unknown>>;
  build(options: { initialWeights: 'random' | 'zeros'; seed?: number }): Promise<LayersModel>;
}

/** Whether the name means a file: it ends in .json or holds a path separator. */
export function isModelFile(name: string): boolean {
  return name.endsWith('.json') || /[/\\]/.test(name);
}

/**
 * Finds what a reference means. Throws wrong usage with the nearest names for an unknown variant; an error of the
 * input for a file that is no layers model.
 */
export async function openSubject(ref: SubjectRef): Promise<Subject> {
  return isModelFile(ref.name) ? openFile(ref) : openVariant(ref);
}

async function openVariant({ name, inputShape, classes }: SubjectRef): Promise<Subject> {
  const { zoo } = await import('@convkit/zoo');
  const entry = await checkVariant(name);
  const config = { ...(inputShape === undefined ? {} : { inputShape }), ...(classes === undefined ? {} : { classes }) };
  return {
    variant: entry.id,
    family: entry.family,
    paper: { title: entry.paper, year: entry.year, url: entry.url },
    config,
    build: async (options) => {
      await ensureBackend();
      return zoo.get(entry.id).build({ ...config, ...options });
    },
  };
}

/** The zoo's entry of that name or alias; throws wrong usage with the nearest names. */
async function checkVariant(name: string) {
  const { zoo } = await import('@convkit/zoo');
  try {
    return zoo.get(name);
  } catch (error) {
    const ids = zoo.list({ tiny: true }).map((entry) => entry.id);
    if (ids.includes(name)) throw error;
    const close = nearest(name, ids);
    const hint = close.length === 0 ? 'convkit list names them all' : `did you mean ${close.join(', ')}?`;
    throw new CommandError('usage', `model must be a variant of the zoo or a model.json file, got ${JSON.stringify(name)}`, hint);
  }
}

async function openFile({ name, inputShape, classes }: SubjectRef): Promise<Subject> {
  if (classes !== undefined) {
    throw new CommandError('usage', `--classes must be left out for a model file, got ${classes}`, 'a saved model has its classes already');
  }
  const { loadModelFile } = await import('./model-file.js');
  return {
    variant: (name.split(/[/\\]/).at(-1) ?? name).replace(/\.json$/, ''),
    family: 'user',
    config: inputShape === undefined ? {} : { inputShape },
    build: async () => {
      await ensureBackend();
      return loadModelFile(name);
    },
  };
}
