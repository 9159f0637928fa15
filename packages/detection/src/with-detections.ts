/** A detector and what is done with its numbers as one network. */
import { decodedBoxes, suppressBoxes } from '@convkit/anchors';
import { activation } from '@convkit/core';
import { model as layersModel, type LayersModel, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { readDetectOptions, type DetectOptions } from './detect.js';
import type { Detector } from './detector.js';

/**
 * Images in, boxes out: the detector's network with probabilities, decoding, clipping and suppression behind it, which compiles and exports
 * as a whole; what it finds is what `detect` finds. The weights are the detector's own, so dispose of one of the two models only; the
 * anchors come as a weight that is not trained.
 * @returns [N, H, W, C] -> [N, limit, 6]: x1, y1, x2, y2, probability, class from 0; best first. Places that stay empty are 0, 0, 0, 0, 0, -1.
 * @throws OptionError for options that do not fit.
 */
export function withDetections({ model, anchors, rules }: Detector, options: DetectOptions = {}): LayersModel {
  const { imageSize, ...suppression } = readDetectOptions('withDetections', rules, options);
  const [logits, offsets] = model.outputs as [SymbolicTensor, SymbolicTensor];
  const scores = activation(logits, { kind: rules.scores, name: 'probabilities' });
  const boxes = decodedBoxes(offsets, { anchors, boxWeights: rules.boxWeights, imageSize, name: 'boxes' });
  const found = suppressBoxes(boxes, scores, { ...suppression, background: rules.scores === 'softmax', name: 'detections' });
  return layersModel({ inputs: model.inputs, outputs: found, name: `${model.name}_detections` });
}
