import { shuffleChannels } from '@convkit/core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { NCHW } from '../onnx/layout.js';
import { int } from '../onnx/program.js';
import type { OnnxValue } from '../onnx/writer.js';
import { defineOp, inputShape, known } from '../op.js';

export const channelShuffle = defineOp<'channelShuffle'>({
  kind: 'channelShuffle',
  shape: (inputs) => inputShape(inputs, 0),
  cost: () => ({ macs: 0, elementwise: 0 }),
  evaluate: ([x], { groups }) => shuffleChannels(x as Tensor4D, groups),
  // One copy of whole channels; a pass has taken away the shuffles that weights can absorb.
  onnx: (w, [x], { groups }, shape) => {
    const channels = known(shape, 3);
    const order = Array.from({ length: channels }, (_, to) => (to % groups) * (channels / groups) + Math.floor(to / groups));
    return { name: w.op('Gather', [w.as(x as OnnxValue, NCHW), w.integers(order)], { axis: int(1) }), shape, layout: NCHW };
  },
});
