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
  gradient: (w, { upstream, attributes: { groups } }) => {
    const { shape } = upstream;
    const width = known(shape, 3) / groups;
    const order = Array.from({ length: known(shape, 3) }, (_, to) => (to % width) * groups + Math.floor(to / width));
    return [{ name: w.op('Gather', [w.as(upstream, NCHW), w.integers(order)], { axis: int(1) }), shape, layout: NCHW }];
  },
});
