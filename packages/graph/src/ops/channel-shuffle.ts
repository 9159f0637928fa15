import { shuffleChannels } from '@convkit/core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { defineOp, inputShape } from '../op.js';

export const channelShuffle = defineOp<'channelShuffle'>({
  kind: 'channelShuffle',
  shape: (inputs) => inputShape(inputs, 0),
  cost: () => ({ macs: 0, elementwise: 0 }),
  evaluate: ([x], { groups }) => shuffleChannels(x as Tensor4D, groups),
});
