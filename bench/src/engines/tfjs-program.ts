import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { CommandError } from '../errors.js';
import type { Output, Runner, Runtime } from './engine.js';

/** How a model runs on a backend: as it is, folded and fused by `@convkit/graph`, or rebuilt in tf.layers' own layers. */
export type Form = 'plain' | 'compiled' | 'stock';

/** What both `LayersModel` and the compiled program do. */
interface Program {
  predict(input: tf.Tensor): tf.Tensor | tf.Tensor[];
  dispose(): void;
}

/** What a runner has to know of the backend below it. */
export interface BackendHooks {
  /** Makes the backend the current one. */
  use(): Promise<void>;
  /** Why nothing that it computes counts any more: a lost device. tfjs itself goes on with zeros. */
  fault?: () => string | undefined;
  readonly runtime?: Runtime;
}

const PROGRAMS: Readonly<Record<Form, (model: LayersModel, batch: number) => Program | Promise<Program>>> = {
  plain: plainProgram,
  compiled: async (model) => (await import('@convkit/graph')).compile(model),
  async stock(model, batch) {
    const twin = (await import('./stock-twin.js')).stockTwin(model);
    return { ...plainProgram(twin, batch), dispose: () => void twin.dispose() };
  },
};

/** The model in that form. */
export async function programOf(form: Form, model: LayersModel, batch: number): Promise<Program> {
  return PROGRAMS[form](model, batch);
}

function plainProgram(model: LayersModel, batch: number): Program {
  return { predict: (input) => model.predict(input, { batchSize: batch }) as tf.Tensor | tf.Tensor[], dispose: () => undefined };
}

/** A program on a tfjs backend, for inputs of `shape`. Runs and reads throw when the backend has a fault. */
export function tfjsRunner(program: Program, shape: number[], { use, fault, runtime }: BackendHooks): Runner {
  const predict = (values: Float32Array): tf.Tensor =>
    tf.tidy(() => {
      const output = program.predict(tf.tensor(values, shape));
      return Array.isArray(output) ? (output[0] as tf.Tensor) : output;
    });
  const check = (): void => {
    const reason = fault?.();
    if (reason !== undefined) throw new CommandError('environment', reason);
  };
  const read = async (output: tf.Tensor): Promise<Float32Array> => {
    try {
      return Float32Array.from(await output.data());
    } catch (error) {
      // The device's own reason comes a turn later than the failure of what it was doing.
      await new Promise((resolve) => setTimeout(resolve));
      check();
      throw error;
    }
  };
  return {
    async run(values): Promise<Output> {
      check();
      await use();
      const output = predict(values);
      return {
        async read() {
          const result = await read(output);
          check();
          return result;
        },
        dispose: () => output.dispose(),
      };
    },
    async sync() {
      // cpu and wasm compute before they return; a GPU is waited for by reading the output.
    },
    memory() {
      const { numBytes, numTensors } = tf.memory();
      return { bytes: numBytes, tensors: numTensors };
    },
    async peakBytes(values) {
      await use();
      const { peakBytes } = await tf.profile(() => {
        predict(values).dispose();
        return [];
      });
      return peakBytes;
    },
    ...(runtime === undefined ? {} : { runtime }),
    dispose: () => program.dispose(),
  };
}
