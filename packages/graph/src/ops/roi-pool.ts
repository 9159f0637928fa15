import { poolBoxes } from '@convkit/core';
import type { Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import { binsShape, imageOfBox, pooled } from '../onnx/box-bins.js';
import { NCHW, PLAIN } from '../onnx/layout.js';
import { float, int, ints } from '../onnx/program.js';
import type { OnnxValue } from '../onnx/writer.js';
import { defineOp, elements, inputShape, known } from '../op.js';

export const roiPool = defineOp<'roiPool'>({
  kind: 'roiPool',
  shape: binsShape,
  // At most: boxes as large as the map, every pixel of which is compared once.
  cost: (inputs) => ({ macs: 0, elementwise: known(inputShape(inputs, 1), 1) * elements(inputShape(inputs, 0)) }),
  evaluate: ([x, boxes], attributes) => poolBoxes(x as Tensor4D, boxes as Tensor3D, attributes),
  onnx: (w, [x, boxes], { outputSize, spatialScale }, shape) => {
    const image = w.op('Unsqueeze', [w.asFloat(imageOfBox(w, boxes as OnnxValue)), w.integers([1])]);
    const regions = w.op('Concat', [image, w.reshape(w.as(boxes as OnnxValue, PLAIN), [-1, 4])], { axis: int(1) });
    const name = w.op('MaxRoiPool', [w.as(x as OnnxValue, NCHW), regions], { pooled_shape: ints(outputSize), spatial_scale: float(spatialScale) });
    return pooled(w, name, shape);
  },
});
