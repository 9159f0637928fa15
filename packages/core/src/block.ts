import { initializerOption, seedOption, type KernelInitializer } from './initialization.js';
import { option } from './options.js';

/** Options that every block takes: how its layers are called, and how their kernels start. */
export interface BlockOptions {
  /** Module path of the block, `layer1.0`: its layers' names begin with it. Default: tf.layers' own names. */
  name?: string;
  /** Default: what the block's reference uses. */
  kernelInitializer?: KernelInitializer;
  /** Mixed with the kernels' names. Default 0. */
  seed?: number;
}

/** The entries of {@link BlockOptions} for `readOptions`. */
export function blockEntries(initial: KernelInitializer) {
  return {
    name: option.optional(option.text()),
    kernelInitializer: option.withDefault(initializerOption, initial),
    seed: option.withDefault(seedOption, 0),
  } as const;
}

/** Names of layers below a block's name; undefined, for tf.layers' own names, where the block has none. */
export function layersUnder(name: string | undefined): (part: string | number) => string | undefined {
  return (part) => (name === undefined ? undefined : `${name}.${part}`);
}
