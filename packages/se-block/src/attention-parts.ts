/** Attention in residual blocks: which, and at which place. */
import { layersUnder, option, readOptions, squeezeExcite, type BlockOptions, type SqueezeExciteOptions } from '@convkit/core';
import type { ResidualPart, ResidualParts } from '@convkit/resnet';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { cbam, type CbamOptions } from './cbam.js';
import { efficientChannelAttention, type EfficientChannelAttentionOptions } from './efficient-channel-attention.js';
import { scse, spatialSqueezeExcite, type ScseOptions, type SpatialSqueezeExciteOptions } from './scse.js';

type Own<Options extends BlockOptions> = Omit<Options, keyof BlockOptions>;

/** A block of this package with its options, as data. */
export type Attention =
  | ({ readonly kind: 'squeezeExcite' } & Readonly<Own<SqueezeExciteOptions>>)
  | ({ readonly kind: 'efficientChannelAttention' } & Readonly<Own<EfficientChannelAttentionOptions>>)
  | ({ readonly kind: 'cbam' } & Readonly<Own<CbamOptions>>)
  | ({ readonly kind: 'spatialSqueezeExcite' } & Readonly<Own<SpatialSqueezeExciteOptions>>)
  | ({ readonly kind: 'scse' } & Readonly<Own<ScseOptions>>);

const BLOCKS = { squeezeExcite, efficientChannelAttention, cbam, spatialSqueezeExcite, scse } as const;
const KINDS = Object.keys(BLOCKS);

/** The slot of each of the paper's placements (section 6.5, figure 5). */
const SLOTS = { standard: 'after', pre: 'before', post: 'output', identity: 'shortcut', '3x3': 'inner' } as const;
export const PLACEMENTS = ['standard', 'pre', 'post', 'identity', '3x3'] as const;
/**
 * Where in a residual block y = relu(x + F(x)) the attention A is: standard relu(x + A(F(x))), pre relu(x + F(A(x))), post
 * A(relu(x + F(x))), identity relu(A(x) + F(x)), 3x3 inside F behind its 3x3, batch norm and ReLU. Where the shape changes,
 * `pre` leaves the projection alone, and `identity` reads the projected input: the paper does not say.
 */
export type Placement = (typeof PLACEMENTS)[number];

export interface AttentionPartsOptions {
  /** Default 'standard'. */
  placement?: Placement;
  /** Whose module paths the squeeze-and-excitation has. Default 'torchvision', which is timm's too. */
  naming?: 'torchvision' | 'pytorchcv';
}

/** The schema of an `attention` option. What the block itself can judge, it judges when it is built. */
export const attentionOption = option.custom<Attention>(
  (value) => typeof value === 'object' && value !== null && KINDS.includes((value as { kind?: string }).kind ?? ''),
  `an object whose kind is one of ${KINDS.join(', ')}`,
);

/**
 * An attention as a part of a block: its layers are below `se` in the block, those of CBAM below `cbam`. Also `after` of
 * `@convkit/inception`'s modules.
 */
export function attentionPart({ kind, ...own }: Attention, naming: 'torchvision' | 'pytorchcv'): ResidualPart {
  const attend = BLOCKS[kind] as (x: SymbolicTensor, options: BlockOptions) => SymbolicTensor;
  return (x, { name, ...weights }) =>
    attend(x, { ...(kind === 'squeezeExcite' ? { naming } : {}), ...own, ...weights, name: layersUnder(name)(kind === 'cbam' ? 'cbam' : 'se') });
}

const optionEntries = {
  attention: attentionOption,
  placement: option.withDefault(option.oneOf(PLACEMENTS), 'standard'),
  naming: option.withDefault(option.oneOf(['torchvision', 'pytorchcv']), 'torchvision'),
} as const;

/**
 * `parts` of a residual block of `@convkit/resnet`: `bottleneck(x, { filters: 64, parts: attentionParts({ kind: 'cbam' }) })`.
 * @throws OptionError for unknown kinds and options; for the attention's own when the block is built.
 */
export function attentionParts(attention: Attention, options: AttentionPartsOptions = {}): ResidualParts {
  const checked = readOptions('attentionParts', optionEntries, { ...options, attention });
  return { [SLOTS[checked.placement]]: attentionPart(checked.attention, checked.naming) };
}
