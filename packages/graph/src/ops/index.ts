import type { OpKind } from '@convkit/core';
import type { OpDefinition } from '../op.js';
import { activation } from './activation.js';
import { adaptiveAvgPool } from './adaptive-avg-pool.js';
import { avgPool } from './avg-pool.js';
import { batchNorm } from './batch-norm.js';
import { binary } from './binary.js';
import { channelShuffle } from './channel-shuffle.js';
import { concat } from './concat.js';
import { convTranspose2d } from './conv-transpose2d.js';
import { conv2d } from './conv2d.js';
import { deformConv2d } from './deform-conv2d.js';
import { dense } from './dense.js';
import { depthwiseConv2d } from './depthwise-conv2d.js';
import { dropout } from './dropout.js';
import { gridSample } from './grid-sample.js';
import { layerNorm } from './layer-norm.js';
import { localResponseNorm } from './local-response-norm.js';
import { maxPool } from './max-pool.js';
import { nonMaxSuppression } from './non-max-suppression.js';
import { pad } from './pad.js';
import { prelu } from './prelu.js';
import { reduce } from './reduce.js';
import { reshape } from './reshape.js';
import { resize } from './resize.js';
import { roiAlign } from './roi-align.js';
import { roiPool } from './roi-pool.js';
import { scaleGradient } from './scale-gradient.js';
import { slice } from './slice.js';
import { take } from './take.js';
import { transpose } from './transpose.js';

/** The closed set. A new op is a new file and a line here and in core's OpAttributes. */
export const OPS: { readonly [K in OpKind]: OpDefinition<K> } = {
  activation, adaptiveAvgPool, avgPool, batchNorm, binary, channelShuffle, concat, convTranspose2d, conv2d, deformConv2d, dense, depthwiseConv2d, dropout,
  gridSample, layerNorm, localResponseNorm, maxPool, nonMaxSuppression, pad, prelu, reduce, reshape, resize, roiAlign, roiPool, scaleGradient, slice, take, transpose,
};

/** The definition of one op, for code that does not know which. */
export function opOf(kind: OpKind): OpDefinition<OpKind> {
  return OPS[kind] as unknown as OpDefinition<OpKind>;
}

