/**
 * Stacked what-where autoencoders: Zhao, Mathieu, Goroshin and LeCun, "Stacked What-Where Auto-encoders" (arXiv 1506.02351, 2015). A
 * network of convolutions and pools, whose pools hand their what on and their where aside; a decoder that mirrors it, whose
 * unpools put each value back where it was; and, where wanted, a classifier on the topmost what. Weights of the two sides
 * are not tied.
 */
import { ACTIVATIONS, activation as activate, blockEntries, conv2d, convTranspose2d, dense, flatten, layerLabel, layersUnder, option, OptionError, readOptions, type ActivationKind, type BlockOptions } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { whatPool, wherePool } from './pool-layers.js';
import { unpool } from './unpool-layer.js';

/** Convolutions of stride 1 and the pool behind them: the paper's (16)5c-(32)3c-2p. */
export interface WhatWhereStage {
  readonly convolutions: readonly { readonly filters: number; readonly kernelSize: number; readonly padding?: number }[];
  readonly poolSize: number;
}

export interface WhatWhereOptions extends BlockOptions {
  /** From the image to the code; the decoder mirrors them. */
  stages: readonly WhatWhereStage[];
  /** What the decoder is told: 'hard' places, 'soft' positions (with soft whats), or 'none': each value then fills its window. Default 'hard'. */
  where?: 'hard' | 'soft' | 'none';
  /** Of 'soft'. Default 10. */
  beta?: number;
  /** Behind every convolution but the decoder's last. Default 'relu'. */
  activation?: ActivationKind;
  /** Outputs of a classifier on the code. Default: no classifier. */
  classes?: number;
  /** Widths of its hidden dense layers. Default none. */
  hidden?: readonly number[];
}

/** The symbolic tensors of an autoencoder, for models and losses of your own or of this package. */
export interface WhatWhere {
  /** The topmost what. */
  readonly code: SymbolicTensor;
  /** The decoder's output, of the input's shape, without an activation. */
  readonly reconstruction: SymbolicTensor;
  /** The what behind each pool but the topmost, and what the decoder has in its place, from input to code. */
  readonly levels: readonly { readonly encoded: SymbolicTensor; readonly decoded: SymbolicTensor }[];
  /** Where `classes` is given. */
  readonly logits?: SymbolicTensor;
}

const convolution = option.object({ filters: option.integer(1), kernelSize: option.integer(1), padding: option.optional(option.integer(0)) });
const stage = option.object({ convolutions: option.list(convolution), poolSize: option.integer(1) });
const entries = {
  ...blockEntries('heNormal'),
  stages: option.list(stage),
  where: option.withDefault(option.oneOf(['hard', 'soft', 'none']), 'hard'),
  beta: option.withDefault(option.number({ above: 0 }), 10),
  activation: option.withDefault(option.oneOf(ACTIVATIONS), 'relu'),
  classes: option.optional(option.integer(1)),
  hidden: option.withDefault(option.list(option.integer(1), 0), []),
} as const;

/** The named networks. `mnist` is a small one for 28 x 28 images of ten classes. */
export const WHAT_WHERES = {
  mnist: {
    stages: [{ convolutions: [{ filters: 10, kernelSize: 5 }], poolSize: 2 }, { convolutions: [{ filters: 20, kernelSize: 5 }], poolSize: 2 }],
    hidden: [50], classes: 10, input: [28, 28, 1], params: 27_101, macs: 944_500,
  },
} as const satisfies Record<string, Pick<WhatWhereOptions, 'stages' | 'hidden' | 'classes'> & { input: readonly [number, number, number]; params: number; macs: number }>;

/**
 * Encoder, decoder and classifier on a symbolic image of known size. The decoder's stage m unpools with the where of the
 * encoder's stage m, then convolves transposed, from the last convolution to the first.
 * Layers below the block's name: `encoder.0.conv0`, `encoder.0.pool`, `encoder.0.where`, `decoder.0.unpool`, `decoder.0.conv0`, `fc1`, ...
 * @throws OptionError for impossible options, and for an image that is too small for its stages.
 */
export function whatWhereAutoencoder(x: SymbolicTensor, options: WhatWhereOptions): WhatWhere {
  const label = layerLabel('whatWhereAutoencoder', options?.name);
  const { stages, where: told, beta, activation, classes, hidden, name, ...weights } = readOptions(label, entries, options);
  if (x.shape.length !== 4 || x.shape.slice(1).some((n) => n === null)) throw new OptionError(label, 'input', x.shape, 'an image batch [N, H, W, C] of known size');
  if (classes === undefined && hidden.length > 0) throw new OptionError(label, 'hidden', hidden, 'absent without classes');
  const at = layersUnder(name);
  const kind = told === 'soft' ? 'soft' : 'hard';

  /** What the decoder needs of each stage: the where, the pool's input, and how many channels each convolution took. */
  const sides: { where: SymbolicTensor | undefined; size: [number, number]; channels: number[]; what: SymbolicTensor }[] = [];
  let y = x;
  stages.forEach(({ convolutions, poolSize }, i) => {
    const channels: number[] = [];
    convolutions.forEach(({ filters, kernelSize, padding = 0 }, j) => {
      channels.push(y.shape[3] as number);
      y = conv2d(y, { filters, kernelSize, padding, activation, name: at(`encoder.${i}.conv${j}`), ...weights });
    });
    const [pooled, size] = [y, [y.shape[1], y.shape[2]] as [number, number]];
    y = whatPool(pooled, { poolSize, kind, beta, name: at(`encoder.${i}.pool`) });
    const where = told === 'none' ? undefined : wherePool(pooled, { poolSize, kind, beta, name: at(`encoder.${i}.where`) });
    sides.push({ where, size, channels, what: y });
  });

  const code = y;
  const levels: WhatWhere['levels'][number][] = [];
  for (let i = stages.length - 1; i >= 0; i--) {
    const [{ convolutions, poolSize }, { where, size, channels, what }] = [stages[i], sides[i]] as [(typeof stages)[number], (typeof sides)[number]];
    if (i < stages.length - 1) levels.unshift({ encoded: what, decoded: y });
    y = unpool(y, where, { poolSize, size, name: at(`decoder.${i}.unpool`) });
    for (let j = convolutions.length - 1; j >= 0; j--) {
      const { kernelSize, padding = 0 } = convolutions[j] as (typeof convolutions)[number];
      const last = i === 0 && j === 0;
      y = convTranspose2d(y, { filters: channels[j] as number, kernelSize, padding, activation: last ? 'linear' : activation, name: at(`decoder.${i}.conv${j}`), ...weights });
    }
  }
  if (classes === undefined) return { code, reconstruction: y, levels };
  const top = hidden.reduce((z, units, i) => activate(dense(z, { units, name: at(`fc${i + 1}`), ...weights }), { kind: activation, name: at(`fc${i + 1}.activation`) }), flatten(code, { name: at('flatten') }));
  return { code, reconstruction: y, levels, logits: dense(top, { units: classes, name: at(`fc${hidden.length + 1}`), ...weights }) };
}
