/**
 * The network of PyTorch's spatial transformer tutorial (intermediate_source/spatial_transformer_tutorial.py): a spatial transformer
 * in front of a small classifier of 28 x 28 digits, after Jaderberg et al. (arXiv 1506.02025). Pools come before their ReLU, as
 * there. Kernels start by torch's rule, the last localisation layer as the identity. Dropout behind the second convolution is
 * element by element, where the tutorial drops whole maps. Positions are torch's of today: corners are not aligned. Output: logits.
 *
 * Layer names are the tutorial's: `localization.0`, `fc_loc.2`, `conv1`, `fc1`, ...
 */
import { activation, avgPool, conv2d, defineFamily, dense, dropout, flatten, maxPool, option, type BuildContext, type Built, type OptionOutput, type VariantRow } from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { spatialTransformer } from './spatial-transformer.js';

/** One convolution without padding, a max pool 2/2 and a ReLU. */
export interface StnStage {
  readonly filters: number;
  readonly kernelSize: number;
}

export interface StnSpec {
  /** Side of the average pool through which the localisation network sees the image. Default 1. */
  readonly localisationPool?: number;
  /** Stages of the localisation network. */
  readonly localisation: readonly StnStage[];
  /** Widths of its dense layers in front of the one that says the map. */
  readonly localisationHidden: readonly number[];
  /** Default 'affine'. */
  readonly transform?: 'affine' | 'attention' | 'thinPlate';
  /** Height and width of the straightened image. Default: those of the image. */
  readonly size?: number;
  /** Stages of the classifier. */
  readonly stages: readonly StnStage[];
  /** Widths of its hidden dense layers. */
  readonly hidden: readonly number[];
  /** Behind the last convolution and in front of the last layer. Default 0. */
  readonly dropout?: number;
}

/** The tutorial's network, and `stn_tiny` for tests and short runs. */
export const STNS = {
  stn_mnist: {
    localisation: [{ filters: 8, kernelSize: 7 }, { filters: 10, kernelSize: 5 }], localisationHidden: [32],
    stages: [{ filters: 10, kernelSize: 5 }, { filters: 20, kernelSize: 5 }], hidden: [50], dropout: 0.5, params: 27_360, macs: 771_300,
  },
  stn_tiny: { localisationPool: 5, localisation: [], localisationHidden: [], size: 24, stages: [{ filters: 8, kernelSize: 5 }], hidden: [] },
} as const satisfies Record<string, StnSpec & VariantRow>;

const stage = option.object({ filters: option.integer(1), kernelSize: option.integer(1) });
const stnSpec = {
  localisationPool: option.withDefault(option.integer(1), 1),
  localisation: option.list(stage, 0),
  localisationHidden: option.list(option.integer(1), 0),
  transform: option.withDefault(option.oneOf(['affine', 'attention', 'thinPlate']), 'affine'),
  size: option.optional(option.integer(1)),
  stages: option.list(stage),
  hidden: option.list(option.integer(1), 0),
  dropout: option.withDefault(option.number({ min: 0, below: 1 }), 0),
} as const;

function build(x: SymbolicTensor, spec: OptionOutput<typeof stnSpec>, context: BuildContext): Built {
  const weights = context.weights('torchUniform');
  const pooled = (y: SymbolicTensor, name: string) => activation(maxPool(y, { poolSize: 2, name: `${name}.pool` }), { kind: 'relu', name: `${name}.relu` });
  const hidden = (y: SymbolicTensor, widths: readonly number[], nameOf: (i: number) => string) =>
    widths.reduce((z, units, i) => dense(z, { units, activation: 'relu', name: nameOf(i), ...weights }), y);

  // Places in the tutorial's sequences: convolution, pool, ReLU; linear, ReLU.
  const localisation = (image: SymbolicTensor) => {
    const small = spec.localisationPool > 1 ? avgPool(image, { poolSize: spec.localisationPool, name: 'localization.pool' }) : image;
    const seen = spec.localisation.reduce((y, conv, i) => pooled(conv2d(y, { ...conv, name: `localization.${3 * i}`, ...weights }), `localization.${3 * i}`), small);
    return hidden(flatten(seen, { name: 'fc_loc.flatten' }), spec.localisationHidden, (i) => `fc_loc.${2 * i}`);
  };
  let y = spatialTransformer(x, { localisation, transform: spec.transform, ...(spec.size === undefined ? {} : { size: spec.size }), name: 'stn', thetaName: `fc_loc.${2 * spec.localisationHidden.length}` });
  const features: Record<string, SymbolicTensor> = { stn: y };
  const rate = context.dropout(spec.dropout);
  const dropped = (z: SymbolicTensor, name: string) => (rate > 0 ? dropout(z, { rate, name }) : z);
  spec.stages.forEach((conv, i) => {
    const name = `conv${i + 1}`;
    const z = conv2d(y, { ...conv, name, ...weights });
    y = pooled(i > 0 && i === spec.stages.length - 1 ? dropped(z, `${name}_drop`) : z, name);
    features[name] = y;
  });
  if (!context.includeTop) return { output: y, features };
  y = hidden(flatten(y, { name: 'flatten' }), spec.hidden, (i) => `fc${i + 1}`);
  return { output: dense(dropped(y, 'dropout'), { units: context.classes, name: `fc${spec.hidden.length + 1}`, ...weights }), features };
}

/** The family: `stn.build('stn_mnist')`. Feature taps: stn (the straightened image), conv1, conv2. */
export const stn = defineFamily({
  id: 'stn',
  paper: {
    title: 'Spatial Transformer Networks',
    authors: 'Max Jaderberg, Karen Simonyan, Andrew Zisserman, Koray Kavukcuoglu',
    year: 2015,
    url: 'https://arxiv.org/abs/1506.02025',
  },
  input: [28, 28, 1],
  classes: 10,
  variants: STNS,
  spec: stnSpec,
  build,
});
