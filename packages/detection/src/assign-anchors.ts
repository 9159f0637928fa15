/** What the anchors of a batch learn, as typed arrays: matching knows nothing of the network's outputs. */
import { anchorTargets, withoutPadding, type TruthBoxes } from '@convkit/anchors';
import { OptionError } from '@convkit/core';
import { matchAnchors, type Detector } from './detector.js';

/** Targets of N images. With them the loss is 1 / N times the sum of every anchor's losses by their weights. */
export interface AssignedAnchors {
  /** Images, N. */
  readonly size: number;
  /** [N, A]: 0 is background, the object's class + 1 otherwise, -1 ignored. */
  readonly classes: Int32Array;
  /** [N, A, 4] */
  readonly offsets: Float32Array;
  /** [N, A]: of the loss of the classes; 0 where the anchor is ignored. */
  readonly classWeights: Float32Array;
  /** [N, A]: of the loss of the offsets; 0 where there is no object. */
  readonly boxWeights: Float32Array;
}

/**
 * Matches the anchors with the objects of each image, and encodes.
 * @param truths For each image, boxes as shares of the image (x1, y1, x2, y2); class -1 is padding.
 * @throws OptionError for classes that the detector does not have and boxes without sides.
 */
export function assignAnchors(detector: Detector, truths: readonly TruthBoxes[]): AssignedAnchors {
  const { anchors, classes: kinds, rules } = detector;
  const [size, count] = [truths.length, anchors.length / 4];
  const classes = new Int32Array(size * count);
  const offsets = new Float32Array(size * count * 4);
  const matched = truths.map((image, n) => {
    const real = withoutPadding(image);
    const wrong = real.classes.find((kind) => kind < 0 || kind >= kinds);
    if (wrong !== undefined) throw new OptionError('assignAnchors', `truths[${n}].classes`, wrong, `from 0 to ${kinds - 1}, or -1 for padding`);
    const targets = anchorTargets(anchors, real, matchAnchors(detector, real.boxes), { weights: rules.boxWeights });
    classes.set(targets.classes, n * count);
    offsets.set(targets.offsets, n * count * 4);
    return targets.mask.reduce((sum, one) => sum + one, 0);
  });
  const all = matched.reduce((sum, positives) => sum + positives, 0);
  const shares = matched.map((positives) => (rules.normalizeBy === 'batch' ? size / Math.max(1, all) : 1 / Math.max(1, positives)));
  const weigh = (counts: (kind: number) => boolean) => Float32Array.from(classes, (kind, i) => (counts(kind) ? (shares[Math.floor(i / count)] as number) : 0));
  return { size, classes, offsets, classWeights: weigh((kind) => kind >= 0), boxWeights: weigh((kind) => kind > 0) };
}

/** A batch's targets and weights as `@convkit/train` takes them, in the order of the model's outputs. */
export interface TrainerTargets {
  /** [N, A, K] with a 1 for the class, and [N, A, 4]. */
  readonly targets: readonly Float32Array[];
  /** [N, A] each. */
  readonly weights: readonly Float32Array[];
}

/** Assigned anchors as `trainer.step({ images, size, ...trainerTargets(detector, assigned) }, rate)` takes them, beside {@link trainerLosses}. */
export function trainerTargets({ classes: kinds, rules }: Detector, { classes, offsets, classWeights, boxWeights }: AssignedAnchors): TrainerTargets {
  const first = rules.scores === 'softmax' ? 0 : 1;
  const columns = kinds + 1 - first;
  const oneHot = new Float32Array(classes.length * columns);
  classes.forEach((kind, i) => {
    if (kind >= first) oneHot[i * columns + kind - first] = 1;
  });
  return { targets: [oneHot, offsets], weights: [classWeights, boxWeights] };
}

/** The losses of the model's two outputs, as the option `loss` of `@convkit/train`'s createTrainer. */
export function trainerLosses({ rules }: Detector): ({ kind: 'softmaxCrossEntropy'; hardNegatives: number } | { kind: 'focal'; alpha: number; gamma: number } | { kind: 'smoothL1'; beta: number })[] {
  const classes = rules.scores === 'softmax' ? { kind: 'softmaxCrossEntropy', hardNegatives: rules.hardNegatives } as const : { kind: 'focal', ...rules.focal } as const;
  return [classes, { kind: 'smoothL1', beta: rules.beta }];
}
