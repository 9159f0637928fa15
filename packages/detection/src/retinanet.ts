/**
 * RetinaNet: Lin et al., "Focal Loss for Dense Object Detection" (ICCV 2017, arXiv 1708.02002), on a feature pyramid of any network. Layer
 * names and initialisation are torchvision's (retinanet_resnet50_fpn), whose levels 6 and 7 come from level 5 of the pyramid.
 */
import { GRID_ANCHORS, gridAnchors, priorBias, type GridAnchorOptions } from '@convkit/anchors';
import { Conv2dLayer, option, OptionError, readOptions, type ImageShape } from '@convkit/core';
import { fill } from '@tensorflow/tfjs-core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { backboneMaps, type Backbone } from './backbone.js';
import { makeDetector, mapSizes, RETINANET_RULES, type Detector, type DetectorRules } from './detector.js';
import { featurePyramid } from './feature-pyramid.js';
import { anchorRows, joinRows } from './prediction-head.js';
import { commonEntries } from './ssd.js';

export interface RetinanetOptions {
  /** A model, or what builds one: `zoo.get('resnet50')`. */
  backbone: Backbone;
  /** Its taps, from the largest map to the smallest: layer2, layer3, layer4 of a ResNet. Default for a model: its outputs. */
  features?: readonly string[];
  /** Kinds of objects. torchvision's 91 have one for the background, which is never learnt. */
  classes: number;
  /** [H, W, C] for something that builds. Default: its own. */
  inputShape?: ImageShape;
  /** Channels of the pyramid and the heads. Default 256. */
  filters?: number;
  /** Levels of stride 2 behind the backbone's. Default 2. */
  extraLevels?: number;
  /** Convolutions of each head in front of its last. Default 4. */
  depth?: number;
  /** Anchors of each level. Default: RetinaNet's table for five levels. */
  boxes?: Pick<GridAnchorOptions, 'sizes' | 'ratios'>;
  /** Probability that every class starts with. Default 0.01. */
  prior?: number;
  /** Where training and reading differ from RetinaNet's. */
  rules?: Partial<DetectorRules>;
  /** Default 'random'. */
  initialWeights?: 'random' | 'zeros';
  /** Default 0. */
  seed?: number;
  /** Of the model. Default 'retinanet'. */
  name?: string;
}

const entries = {
  ...commonEntries,
  filters: option.withDefault(option.integer(1), 256),
  extraLevels: option.withDefault(option.integer(0), 2),
  depth: option.withDefault(option.integer(0), 4),
  boxes: option.optional(option.custom<Pick<GridAnchorOptions, 'sizes' | 'ratios'>>((value) => typeof value === 'object' && value !== null, '{ sizes, ratios }')),
  prior: option.withDefault(option.number({ above: 0, below: 1 }), 0.01),
  name: option.withDefault(option.text(), 'retinanet'),
} as const;

interface HeadOptions { filters: number; depth: number; anchors: number; columns: number; last: string; bias: number; initialWeights: 'random' | 'zeros'; seed: number; name: string }

/** One head for all levels: the same convolutions over every map, [N, H_k, W_k, C], ... -> [N, A, columns]. */
function sharedHead(maps: readonly SymbolicTensor[], { filters, depth, anchors, columns, last, bias, initialWeights, seed, name }: HeadOptions): SymbolicTensor {
  const kernelInitializer = initialWeights === 'zeros' ? 'zeros' as const : 'smallNormal' as const;
  const layer = (width: number, path: string, activation: 'relu' | 'linear') => new Conv2dLayer({ filters: width, kernelSize: 3, padding: 1, activation, kernelInitializer, seed, name: `${name}.${path}` });
  const tower = Array.from({ length: depth }, (_, i) => layer(filters, `conv.${i}.0`, 'relu'));
  const final = layer(anchors * columns, last, 'linear');
  const rows = maps.map((map, level) => {
    const features = tower.reduce((y, convolution) => convolution.apply(y) as SymbolicTensor, map);
    return anchorRows(final.apply(features) as SymbolicTensor, columns, `${name}.rows${level}`);
  });
  const [, offset] = final.weights;
  if (bias !== 0 && offset !== undefined) {
    const values = fill([anchors * columns], bias);
    offset.write(values);
    values.dispose();
  }
  return joinRows(rows, name);
}

/**
 * A detector on a feature pyramid: two towers of convolutions that all levels share, nine anchors a cell, focal loss.
 * Outputs [N, A, classes], of which the sigmoid is a probability, and [N, A, 4].
 * @throws OptionError for options and maps that do not fit.
 */
export function retinanet(options: RetinanetOptions): Detector {
  const where = 'retinanet';
  const { backbone, features, classes, inputShape, filters, extraLevels, depth, boxes = GRID_ANCHORS.retinanet, prior, rules, initialWeights, seed, name } = readOptions(where, entries, options);
  const { x, maps } = backboneMaps(where, { backbone, features, inputShape, initialWeights, seed });
  const start = initialWeights === 'zeros' ? { kernelInitializer: 'zeros' as const, seed } : { seed };
  const levels = featurePyramid(maps, { filters, extraLevels, ...start, name: 'backbone.fpn' });
  if (boxes.sizes.length !== levels.length) throw new OptionError(where, 'boxes', boxes.sizes.length, `sizes for each of the ${levels.length} levels`);
  const perCell = boxes.sizes.map((sizes) => sizes.length * boxes.ratios.length);
  const [count = 0] = perCell;
  if (perCell.some((n) => n !== count)) throw new OptionError(where, 'boxes', perCell, 'as many sizes on every level: all levels share the heads');
  const [, height, width] = x.shape as [null, number, number, number];
  const pixels = gridAnchors({ image: [height, width], maps: mapSizes(levels), sizes: boxes.sizes, ratios: boxes.ratios });
  const anchors = pixels.map((value, i) => value / (i % 2 === 0 ? width : height));
  const head = { filters, depth, anchors: count, initialWeights, seed };
  const logits = sharedHead(levels, { ...head, columns: classes, last: 'cls_logits', bias: priorBias(prior), name: 'head.classification_head' });
  const offsets = sharedHead(levels, { ...head, columns: 4, last: 'bbox_reg', bias: 0, name: 'head.regression_head' });
  return makeDetector({ name, x, logits, offsets, anchors, classes, rules: { ...RETINANET_RULES, ...rules } });
}
