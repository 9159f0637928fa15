import { availableParallelism } from 'node:os';
import type { Trainer, TrainerOptions } from '@convkit/train';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { engineById } from '../engines/catalog.js';
import type { Runtime } from '../engines/engine.js';
import { backendRuntime, useBackend } from '../engines/backends.js';
import { CommandError } from '../errors.js';

/** What can train here: the step as one graph in onnxruntime, or step by step on a tfjs backend. */
export const TRAINING_ENGINES = ['onnxruntime', 'tensorflow-gpu', 'tensorflow', 'webgpu', 'wasm', 'wasm-threads', 'cpu'] as const;
export type TrainingEngine = (typeof TRAINING_ENGINES)[number];

/** The engine of that name, or the first that can run here. @throws CommandError for one that cannot. */
export async function trainingEngine(name: TrainingEngine | 'auto'): Promise<TrainingEngine> {
  for (const id of name === 'auto' ? TRAINING_ENGINES : [name]) {
    const engine = engineById(id);
    const answer = await engine.available();
    // A GPU that the processor imitates is slower than the processor.
    if (answer === true && name === 'auto' && (await engine.device?.())?.software === true) continue;
    if (answer === true) return id;
    if (name !== 'auto') throw new CommandError('environment', `--engine ${id} is not available here: ${answer.reason}`, answer.hint ?? 'convkit doctor lists what is');
  }
  throw new CommandError('environment', 'no engine that trains is available here', 'convkit doctor lists the reasons');
}

/** A trainer on one engine, and what a record says of the runtime below it (nothing where tfjs itself computes, which has its own fields). */
export async function openTrainer(model: LayersModel, engine: TrainingEngine, options: Omit<TrainerOptions, 'engine'>): Promise<{ trainer: Trainer; runtime?: Runtime }> {
  const { createTrainer } = await import('@convkit/train');
  if (engine !== 'onnxruntime') return { trainer: await createTrainer(model, { ...options, engine: 'tfjs' }), ...backendRuntime(engine) };
  const { runtimeOf } = await import('../engines/onnxruntime.js');
  const threads = options.threads ?? availableParallelism();
  return { trainer: await createTrainer(model, { ...options, threads, engine }), runtime: await runtimeOf('cpu', threads) };
}

/** The backend that holds the model: the engine's own, or wasm beside onnxruntime. */
export async function useModelBackend(engine: TrainingEngine, options: { threads?: number | undefined } = {}): Promise<void> {
  await useBackend(engine === 'onnxruntime' ? 'wasm' : engine, options);
}
