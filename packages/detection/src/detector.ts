import { matchByThresholds, matchSsd, matchWithForced, type Boxes, type Size } from '@convkit/anchors';
import { model as layersModel, type LayersModel, type SymbolicTensor } from '@tensorflow/tfjs-layers';

/** How a detector is trained and read. */
export interface DetectorRules {
  /** 'softmax': class 0 is background, K = classes + 1. 'sigmoid': a number for each class, K = classes. */
  readonly scores: 'softmax' | 'sigmoid';
  /** Which object an anchor learns, see anchors' matchers. */
  readonly match: { readonly kind: 'ssd' | 'forced'; readonly threshold: number } | { readonly kind: 'thresholds'; readonly high: number; readonly low: number };
  /** Of the offsets (x, y, w, h). */
  readonly boxWeights: readonly [number, number, number, number];
  /** Of smooth L1. */
  readonly beta: number;
  /** Background anchors a matched one, the hardest ones (softmax). */
  readonly hardNegatives: number;
  /** Of the focal loss (sigmoid). */
  readonly focal: { readonly alpha: number; readonly gamma: number };
  /** What sums of losses are divided by: the matched anchors of the batch (SSD), or of each image, and then the images (RetinaNet). */
  readonly normalizeBy: 'batch' | 'image';
}

/** A network and the anchors that its numbers are about. Functions work on it: `assignAnchors`, `detectionLoss`, `decodeDetections`, `detect`. */
export interface Detector {
  /** [N, H, W, C] -> [logits [N, A, K], offsets [N, A, 4]], without softmax. */
  readonly model: LayersModel;
  /** [A, 4]: corners as shares of the image, from 0 to 1 inside. */
  readonly anchors: Float32Array;
  /** Kinds of objects, without the background. */
  readonly classes: number;
  readonly rules: DetectorRules;
}

/** SSD's way. */
export const SSD_RULES: DetectorRules = {
  scores: 'softmax',
  match: { kind: 'ssd', threshold: 0.5 },
  boxWeights: [10, 10, 5, 5],
  beta: 1,
  hardNegatives: 3,
  focal: { alpha: 0.25, gamma: 2 },
  normalizeBy: 'batch',
};

/** RetinaNet's way; its first code has smooth L1 with beta 0.11, torchvision |x|. */
export const RETINANET_RULES: DetectorRules = {
  ...SSD_RULES,
  scores: 'sigmoid',
  match: { kind: 'thresholds', high: 0.5, low: 0.4 },
  boxWeights: [1, 1, 1, 1],
  beta: 1 / 9,
  normalizeBy: 'image',
};

/** The object that each anchor of an image learns: its index, BACKGROUND or IGNORED. */
export function matchAnchors({ anchors, rules: { match } }: Detector, truths: Boxes): Int32Array {
  switch (match.kind) {
    case 'ssd': return matchSsd(anchors, truths, { threshold: match.threshold });
    case 'forced': return matchWithForced(anchors, truths, { threshold: match.threshold });
    case 'thresholds': return matchByThresholds(anchors, truths, { high: match.high, low: match.low, lowQuality: true });
  }
}

/** Height and width of each map. */
export function mapSizes(maps: readonly SymbolicTensor[]): Size[] {
  return maps.map(({ shape }) => [shape[1] as number, shape[2] as number]);
}

/** Puts a network together. */
export function makeDetector(parts: Omit<Detector, 'model'> & { name: string; x: SymbolicTensor; logits: SymbolicTensor; offsets: SymbolicTensor }): Detector {
  const { name, x, logits, offsets, ...rest } = parts;
  return { ...rest, model: layersModel({ inputs: x, outputs: [logits, offsets], name }) };
}
