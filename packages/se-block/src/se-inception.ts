/**
 * BN-Inception with attention behind every module, as Hu, Shen and Sun, "Squeeze-and-Excitation Networks" (CVPR 2018, arXiv
 * 1709.01507), figure 2 and table 2, as released (hujie-frank/SENet, SE-BN-Inception.prototxt): the modules that halve the
 * size have one too, the squeezed width is floor(C / 16), convolutions in front of batch norm have no biases.
 *
 * Layer names are pytorchcv's of BN-Inception, and `se.conv1`, `se.conv2` below each module. Output: logits.
 */
import { defineFamily, type BuildContext, type Built, type OptionOutput, type VariantRow } from '@convkit/core';
import { buildGoogLeNet, GOOGLENETS, googlenetSpec, type GoogLeNetSpec } from '@convkit/inception';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { attentionOption, attentionPart, type Attention } from './attention-parts.js';
import { SE_PAPER } from './papers.js';

export interface SEInceptionSpec extends GoogLeNetSpec {
  /** What is behind every module. */
  readonly attention: Attention;
}

const { bn_inception, googlenet_tiny } = GOOGLENETS;

export const SE_INCEPTIONS = {
  // BN-Inception without its biases, 11,285,224, and 2 C floor(C / 16) + floor(C / 16) + C for each module
  se_bn_inception: { ...bn_inception, convBias: false, attention: { kind: 'squeezeExcite', ratio: 16 }, params: 11_931_622, macs: 2_033_239_424 },
  se_inception_tiny: { ...googlenet_tiny, attention: { kind: 'squeezeExcite', ratio: 4 } },
} as const satisfies Record<string, SEInceptionSpec & VariantRow>;

const seInceptionSpec = { ...googlenetSpec, attention: attentionOption } as const;

function build(x: SymbolicTensor, { attention, ...spec }: OptionOutput<typeof seInceptionSpec>, context: BuildContext): Built {
  return buildGoogLeNet(x, spec, context, attentionPart(attention, spec.naming === 'pytorchcv' ? 'pytorchcv' : 'torchvision'));
}

/** The family: `seInception.build('se_bn_inception', { classes: 10 })`. Feature taps: every module, with its attention (stage1.unit1). */
export const seInception = defineFamily({
  id: 'se-inception',
  paper: SE_PAPER,
  input: [224, 224, 3],
  classes: 1000,
  variants: SE_INCEPTIONS,
  spec: seInceptionSpec,
  build,
});
