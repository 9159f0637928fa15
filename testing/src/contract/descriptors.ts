import { decodedBoxes, roiAlign, roiPool, suppressBoxes } from '@convkit/anchors';
import { mlpConv, radialBasis, scaledTanh, subsampling, tableConv } from '@convkit/classic';
import { combinedBlock } from '@convkit/combined-block';
import {
  activation, adaptiveAvgPool, add, avgPool, batchNorm, channelGate, channelShuffle, concatenate, conv2d, convTranspose2d, dense, depthwiseConv2d, dropout, flatten, globalAveragePool, globalMaxPool, localResponseNorm,
  maximum, maxPool, multiply, padChannels, reduceChannels, resizeBilinear, resizeNearest, sliceChannels, squeezeExcite, stochasticDepth, stochasticPool, weightedSum,
} from '@convkit/core';
import { deformableConv2d, scaleGradient } from '@convkit/deformable-conv';
import { denseBlock, denseLayer, transition } from '@convkit/densenet';
import { channelNorm, extraMap, featurePyramid, predictionHead } from '@convkit/detection';
import { aspp, contextModule, dilatedBlock, summedAspp } from '@convkit/dilated-conv';
import { depthwiseSeparable, invertedResidual, separableConv, xceptionBlock } from '@convkit/depthwise';
import { inceptionModule, inceptionV3Module, naiveInception } from '@convkit/inception';
import { basicBlock, bottleneck, preactBasicBlock, preactBottleneck } from '@convkit/resnet';
import { cbam, channelConvolution, efficientChannelAttention, scse, spatialSqueezeExcite } from '@convkit/se-block';
import { shuffleUnit, shuffleUnitV2 } from '@convkit/shufflenet';
import { affineGrid, gridSample, spatialTransformer, thinPlateGrid } from '@convkit/spatial-transformer';
import { convUnit } from '@convkit/vgg';
import { difference, unpool, whatPool, whatWhereAutoencoder, whatWherePool, wherePool } from '@convkit/what-where';
import { layers, type SymbolicTensor } from '@tensorflow/tfjs-layers';

type ImageInput = readonly [number, number, number];

/** One exported block or layer in one configuration, for the contract suite. */
export interface Descriptor {
  /** The export that the row covers. */
  exported: string;
  /** What is special about the row. */
  title: string;
  /** [H, W, C] */
  input: ImageInput;
  make(x: SymbolicTensor): SymbolicTensor;
  /** Training may give another output than inference (batch norm, dropout). Default false. */
  trainingDiffers?: boolean;
  /** Random in training: no gradient is compared. Default false. */
  random?: boolean;
  /** Has no gradient, or none in onnxruntime, and says so where one is asked for: none is compared. */
  noGradient?: true | 'onnxruntime';
  /** Step of the differences that gradients are compared with; smaller where the block has many kinks. Default 5e-4. */
  gradientStep?: number;
}

/** What reports call a row. */
export const rowName = ({ exported, title }: Descriptor): string => `${exported}: ${title}`;

const image: ImageInput = [6, 7, 8];
const row = (exported: string, title: string, make: Descriptor['make'], more: Partial<Descriptor> = {}): Descriptor => ({ exported, title, input: image, make, ...more });
const normalised: Partial<Descriptor> = { trainingDiffers: true };
const inceptionColumns = { reduce3x3: 2, filters3x3: 3, reduce5x5: 2, filters5x5: 3 } as const;

/**
 * Few channels, so that random weights do not move every tap out of the image; the rate is 1, since gradients are compared with
 * differences; and small steps: bilinear samples have a kink at every pixel.
 */
const kinked: Partial<Descriptor> = { gradientStep: 5e-5 };
const deformed = (x: SymbolicTensor, options: Partial<Parameters<typeof deformableConv2d>[1]>) =>
  deformableConv2d(sliceChannels(x, { start: 0, size: 2 }), { filters: 3, kernelSize: 2, offsetLearningRate: 1, name: 'conv', ...options });

/** Positions between -1 and 1 from the image itself, which is the rest of its channels; with `far`, outside too. */
const sampled = (x: SymbolicTensor, options: Parameters<typeof gridSample>[2], far = false) => {
  const positions = sliceChannels(x, { start: 0, size: 2 });
  return gridSample(sliceChannels(x, { start: 2, size: 3 }), far ? positions : activation(positions, { kind: 'tanh' }), options);
};
const summary = (x: SymbolicTensor) => globalAveragePool(sliceChannels(x, { start: 0, size: 2 }), {});

/** Channels of every cell as a list of rows, [N, H W, K]. */
const rowsOf = (x: SymbolicTensor, start: number, size: number) => layers.reshape({ targetShape: [(x.shape[1] as number) * (x.shape[2] as number), size] }).apply(sliceChannels(x, { start, size })) as SymbolicTensor;
/** Boxes of every cell around its first two channels, with the next two for sides. */
const boxesOf = (x: SymbolicTensor) => {
  const corner = sliceChannels(x, { start: 0, size: 2 });
  return rowsOf(concatenate([corner, add([corner, activation(sliceChannels(x, { start: 2, size: 2 }), { kind: 'softplus' })])]), 0, 4);
};

/** Three boxes of one unit that no image moves, outside and turned inside out too: the bias of a frozen layer that sees zeros. */
const CORNERS = [0.1, 0.05, 0.6, 0.5, -0.3, 0.2, 0.5, 1.3, 0.9, 0.4, 0.7, 0.8];
const boxesBeside = (x: SymbolicTensor) => {
  const corners = dense(difference(summary(x), summary(x)), { units: CORNERS.length, biasInitializer: CORNERS, trainable: false });
  return layers.reshape({ targetShape: [CORNERS.length / 4, 4] }).apply(corners) as SymbolicTensor;
};

/** What-where pooling and its inverse. */
const pooledAndBack = (x: SymbolicTensor, options: Parameters<typeof whatWherePool>[1]) => {
  const { what, where } = whatWherePool(x, options);
  return unpool(what, where, { poolSize: options.poolSize, size: x.shape.slice(1, 3) as [number, number] });
};
const twoStages = { stages: [{ convolutions: [{ filters: 3, kernelSize: 3, padding: 1 }, { filters: 2, kernelSize: 1 }], poolSize: 2 }, { convolutions: [{ filters: 2, kernelSize: 2 }], poolSize: 2 }] };

/** Maps of several sizes as one row of numbers. */
const joined = (maps: readonly SymbolicTensor[]) => concatenate(maps.map((map) => flatten(map)));

/** Things that a block may have in its slots. */
const gated = (x: SymbolicTensor) => squeezeExcite(x, { squeeze: 2, gate: 'relu' });
const tanhed = (x: SymbolicTensor) => activation(x, { kind: 'tanh' });

/**
 * Every exported block and layer has a row here, and the contract suite runs over the rows; a coverage test fails on
 * an export without one.
 */
export const DESCRIPTORS: readonly Descriptor[] = [
  row('conv2d', 'explicit padding, stride, bias', (x) => conv2d(x, { filters: 4, kernelSize: 3, strides: 2, padding: 1 })),
  row('conv2d', 'groups', (x) => conv2d(x, { filters: 4, kernelSize: 3, padding: 'same', groups: 4 })),
  row('conv2d', 'dilation', (x) => conv2d(x, { filters: 3, kernelSize: 3, dilationRate: 2, padding: [2, 1], activation: 'tanh' })),
  row('conv2d', 'stride with dilation', (x) => conv2d(x, { filters: 3, kernelSize: [2, 3], strides: [2, 1], dilationRate: [1, 2], padding: [1, 0, 2, 1] })),
  row('conv2d', '1x1 with fused relu6', (x) => conv2d(x, { filters: 5, kernelSize: 1, activation: 'relu6', useBias: false })),
  row('depthwiseConv2d', 'multiplier', (x) => depthwiseConv2d(x, { kernelSize: 3, depthMultiplier: 2, padding: 'same' })),
  row('depthwiseConv2d', 'stride and fused relu', (x) => depthwiseConv2d(x, { kernelSize: 3, strides: 2, padding: 1, activation: 'relu' })),
  row('depthwiseConv2d', 'dilation', (x) => depthwiseConv2d(x, { kernelSize: 3, dilationRate: 2, padding: 2, useBias: false })),
  row('batchNorm', 'defaults', (x) => batchNorm(x, {}), normalised),
  row('batchNorm', 'no scale, fused relu', (x) => batchNorm(x, { scale: false, activation: 'relu' }), normalised),
  row('batchNorm', 'no centre, biased', (x) => batchNorm(x, { center: false, movingVariance: 'biased', epsilon: 1e-3 }), normalised),
  row('batchNorm', 'frozen', (x) => batchNorm(x, { trainable: false })),
  row('batchNorm', 'of a flat input', (x) => batchNorm(flatten(x), {}), normalised),
  row('maxPool', 'padding, ceil mode', (x) => maxPool(x, { poolSize: 3, strides: 2, padding: 1, ceilMode: true })),
  row('maxPool', 'same', (x) => maxPool(x, { poolSize: 2, padding: 'same' })),
  row('avgPool', 'padding counted', (x) => avgPool(x, { poolSize: 3, strides: 2, padding: 1 })),
  row('avgPool', 'padding not counted, ceil mode', (x) => avgPool(x, { poolSize: [2, 3], strides: 2, padding: [1, 0], countIncludePad: false, ceilMode: true })),
  row('stochasticPool', 'padding, ceil mode', (x) => stochasticPool(activation(x, { kind: 'sigmoid' }), { poolSize: 3, strides: 2, padding: 1, ceilMode: true }), { trainingDiffers: true, random: true }),
  row('stochasticPool', 'of negative activations too', (x) => stochasticPool(x, { poolSize: 2, padding: 'same' }), { trainingDiffers: true, random: true }),
  row('adaptiveAvgPool', 'overlapping cells', (x) => adaptiveAvgPool(x, { outputSize: [4, 3] })),
  row('adaptiveAvgPool', 'enlarging', (x) => adaptiveAvgPool(x, { outputSize: 9 })),
  row('globalAveragePool', 'flat', (x) => globalAveragePool(x, {})),
  row('globalAveragePool', 'kept dimensions', (x) => globalAveragePool(x, { keepDims: true })),
  row('globalMaxPool', 'flat', (x) => globalMaxPool(x, {})),
  row('globalMaxPool', 'kept dimensions', (x) => globalMaxPool(x, { keepDims: true })),
  row('reduceChannels', 'mean', (x) => reduceChannels(x, { kind: 'mean' })),
  row('reduceChannels', 'max', (x) => reduceChannels(x, { kind: 'max' })),
  row('channelShuffle', 'four groups', (x) => channelShuffle(x, { groups: 4 })),
  row('sliceChannels', 'the middle', (x) => sliceChannels(x, { start: 2, size: 3 })),
  row('padChannels', 'both sides', (x) => padChannels(x, { before: 1, after: 2 })),
  row('localResponseNorm', 'strong', (x) => localResponseNorm(x, { size: 3, alpha: 0.5, k: 2 })),
  row('dense', 'fused sigmoid', (x) => dense(flatten(x), { units: 5, activation: 'sigmoid' })),
  row('activation', 'hardSwish', (x) => activation(x, { kind: 'hardSwish' })),
  row('activation', 'leakyRelu', (x) => activation(x, { kind: 'leakyRelu', alpha: 0.2 })),
  row('activation', 'gelu', (x) => activation(x, { kind: 'gelu' })),
  row('activation', 'exponential', (x) => activation(x, { kind: 'exponential' })),
  row('activation', 'softmax', (x) => activation(x, { kind: 'softmax' })),
  row('add', 'an image and itself', (x) => add([x, activation(x, { kind: 'silu' })])),
  row('multiply', 'a gate a channel', (x) => multiply([x, globalAveragePool(x, { keepDims: true })])),
  row('multiply', 'a gate a position', (x) => multiply([reduceChannels(x, { kind: 'mean' }), x])),
  row('maximum', 'an image and another', (x) => maximum([x, activation(x, { kind: 'tanh' })])),
  row('weightedSum', 'a weight for each', (x) => weightedSum([x, activation(x, { kind: 'silu' })])),
  row('weightedSum', 'softmax, three, by channel', (x) => weightedSum([x, activation(x, { kind: 'silu' }), activation(x, { kind: 'tanh' })], { per: 'channel', form: 'softmax' })),
  // More than a webgpu device may bind at once.
  row('weightedSum', 'of nine', (x) => weightedSum(Array.from({ length: 9 }, (_, i) => activation(x, { kind: i % 2 === 0 ? 'silu' : 'tanh' })))),
  row('weightedSum', 'sigmoid, of flat inputs', (x) => weightedSum([flatten(x), flatten(x)], { form: 'sigmoid' })),
  row('channelGate', 'three parts, softmax', (x) => channelGate(x, { parts: [4, 1, 3], form: 'softmax' })),
  row('channelGate', 'by channel, sigmoid', (x) => channelGate(x, { per: 'channel', form: 'sigmoid' })),
  row('channelGate', 'one number', (x) => channelGate(x, {})),
  row('resizeBilinear', 'smaller and larger', (x) => resizeBilinear(x, { size: [4, 11] })),
  row('resizeBilinear', 'three times, zeros outside', (x) => resizeBilinear(x, { scale: [3, 2], outside: 'zero' })),
  row('resizeNearest', 'larger and smaller', (x) => resizeNearest(x, { size: [13, 4] })),
  row('conv2d', 'starts as the identity, with noise', (x) => conv2d(x, { filters: 16, kernelSize: 3, padding: 1, kernelInitializer: { kind: 'identity', groups: 8, noise: 0.1 } })),
  row('concatenate', 'two images', (x) => concatenate([x, activation(x, { kind: 'hardSigmoid' })])),
  row('flatten', 'an image', (x) => flatten(x)),
  row('dropout', 'a third', (x) => dropout(x, { rate: 1 / 3 }), { trainingDiffers: true, random: true }),
  row('squeezeExcite', 'a quarter', (x) => squeezeExcite(x, { ratio: 4, name: 'se' })),
  row('squeezeExcite', 'hard sigmoid, SiLU, without bias', (x) => squeezeExcite(x, { squeeze: 3, gate: 'hardSigmoid', activation: 'silu', useBias: false, naming: 'pytorchcv', name: 'se' })),
  row('squeezeExcite', 'of maxima, rounded to 8, a ReLU gate', (x) => squeezeExcite(x, { pool: 'max', gate: 'relu', rounding: 'multipleOf8', naming: 'timm', name: 'se' })),
  row('squeezeExcite', 'each position by itself', (x) => squeezeExcite(x, { pool: 'none', ratio: 2, gate: 'tanh', name: 'se' })),
  row('stochasticDepth', 'a third', (x) => stochasticDepth(x, { rate: 1 / 3 }), { trainingDiffers: true, random: true }),
  row('channelConvolution', 'three neighbours', (x) => channelConvolution(x, { kernelSize: 3, name: 'conv' })),
  row('efficientChannelAttention', 'its own kernel size', (x) => efficientChannelAttention(x, { name: 'eca' })),
  row('efficientChannelAttention', 'five neighbours', (x) => efficientChannelAttention(x, { kernelSize: 5 })),
  row('cbam', 'half the width', (x) => cbam(activation(x, { kind: 'tanh' }), { ratio: 2, name: 'cbam' }), normalised),
  row('cbam', 'without biases, 3x3', (x) => cbam(activation(x, { kind: 'tanh' }), { ratio: 4, kernelSize: 3, useBias: false }), normalised),
  row('spatialSqueezeExcite', 'with a bias', (x) => spatialSqueezeExcite(x, { name: 'sse' })),
  row('scse', 'the larger', (x) => scse(x, { name: 'scse' })),
  row('scse', 'the sum, without biases', (x) => scse(x, { merge: 'sum', ratio: 4, useBias: false })),
  row('affineGrid', 'six numbers', (x) => affineGrid(dense(summary(x), { units: 6 }), { size: [4, 5] })),
  row('affineGrid', 'a scale and a shift, corners, one row', (x) => affineGrid(dense(summary(x), { units: 3 }), { size: [1, 5], alignCorners: true })),
  row('gridSample', 'zeros', (x) => sampled(x, {}, true), kinked),
  row('gridSample', 'corners', (x) => sampled(x, { alignCorners: true }), kinked),
  row('gridSample', 'the border', (x) => sampled(x, { padding: 'border' }, true), kinked),
  row('gridSample', 'reflections at the edges', (x) => sampled(x, { padding: 'reflection' }, true), kinked),
  row('gridSample', 'reflections at the corners', (x) => sampled(x, { padding: 'reflection', alignCorners: true }, true), kinked),
  row('spatialTransformer', 'affine, smaller', (x) => spatialTransformer(x, { localisation: summary, size: [5, 4], name: 'stn' }), kinked),
  row('thinPlateGrid', 'three by two control points', (x) => thinPlateGrid(dense(summary(x), { units: 12 }), { size: [4, 5], controlPoints: [3, 2] })),
  row('spatialTransformer', 'a thin-plate spline', (x) => spatialTransformer(x, { localisation: summary, transform: 'thinPlate', controlPoints: 2, size: [5, 4], name: 'stn' }), kinked),
  row('spatialTransformer', 'attention, larger, the border', (x) => spatialTransformer(x, { localisation: summary, transform: 'attention', size: [7, 9], padding: 'border', name: 'stn' }), kinked),
  row('convTranspose2d', 'stride, padding, output padding', (x) => convTranspose2d(x, { filters: 3, kernelSize: [3, 4], strides: [2, 1], padding: 1, outputPadding: [1, 0], activation: 'tanh' })),
  row('convTranspose2d', 'without a bias', (x) => convTranspose2d(x, { filters: 2, kernelSize: 2, useBias: false })),
  row('whatPool', 'soft', (x) => whatPool(x, { poolSize: [2, 3], kind: 'soft', beta: 1 })),
  row('wherePool', 'soft', (x) => wherePool(x, { poolSize: 2, kind: 'soft', beta: 1 })),
  row('wherePool', 'the places of maxima, beside the maxima', (x) => add([whatPool(x, { poolSize: 2 }), activation(wherePool(x, { poolSize: 2 }), { kind: 'tanh' })])),
  row('whatWherePool', 'hard, one column left over', (x) => pooledAndBack(x, { poolSize: 2, name: 'pool' })),
  row('whatWherePool', 'soft', (x) => pooledAndBack(x, { poolSize: [2, 3], kind: 'soft', beta: 2, name: 'pool' }), kinked),
  row('unpool', 'without a where', (x) => unpool(whatPool(x, { poolSize: 3 }), undefined, { poolSize: 3, size: [6, 7] })),
  row('difference', 'of an image and another', (x) => difference(x, activation(x, { kind: 'tanh' }))),
  ...(['hard', 'soft', 'none'] as const).map((where) => row('whatWhereAutoencoder', `two stages, ${where}`, (x) =>
    whatWhereAutoencoder(sliceChannels(x, { start: 0, size: 2 }), { ...twoStages, where, beta: 1, activation: 'linear', name: 'net' }).reconstruction)),
  row('deformableConv2d', 'v1, padding', (x) => deformed(x, { padding: 1 }), kinked),
  row('deformableConv2d', 'modulated, stride with dilation', (x) => deformed(x, { modulated: true, stride: [1, 2], dilation: [2, 1], padding: [2, 1] }), kinked),
  row('deformableConv2d', 'two deformable groups, weight groups, plain sigmoid', (x) => deformed(x, { filters: 4, groups: 2, deformableGroups: 2, modulated: true, maskScale: 1, useBias: false }), kinked),
  row('channelNorm', 'a factor for each channel', (x) => channelNorm(x, { scale: 3, name: 'norm' })),
  row('extraMap', "SSD's", (x) => extraMap(x, { filters: 4, name: 'extra' })),
  row('extraMap', "SSDLite's, without padding", (x) => extraMap(x, { filters: 4, reduce: 3, stride: 1, padding: 0, kind: 'separable', name: 'extra' }), normalised),
  row('featurePyramid', 'two levels and one on top', (x) => joined(featurePyramid([x, maxPool(x, { poolSize: 3, strides: 2, padding: 1 })], { filters: 4, extraLevels: 1, name: 'fpn' }))),
  row('predictionHead', 'two maps of different cells', (x) => predictionHead([x, maxPool(x, { poolSize: 2 })], { anchors: [2, 3], columns: 5, name: 'head' })),
  row('predictionHead', 'separable, one map', (x) => predictionHead([x], { anchors: [2], columns: 4, kind: 'separable', name: 'head' }), normalised),
  row('decodedBoxes', 'offsets of 42 anchors', (x) => decodedBoxes(rowsOf(x, 2, 4), { anchors: Float32Array.from({ length: 4 * 42 }, (_, i) => (i % 4 < 2 ? 0.2 : 0.7)), name: 'boxes' })),
  row('decodedBoxes', 'in pixels, a tight clamp', (x) => decodedBoxes(rowsOf(x, 4, 4), { anchors: new Float32Array(4 * 42), boxWeights: [1, 2, 3, 4], clamp: 0.3, imageSize: [30, 40] })),
  row('suppressBoxes', 'four classes', (x) => suppressBoxes(boxesOf(x), rowsOf(x, 4, 4), { threshold: 0.3, limit: 30, name: 'found' }), { noGradient: true }),
  row('suppressBoxes', 'few candidates, more places than boxes, a background', (x) => suppressBoxes(boxesOf(x), activation(rowsOf(x, 4, 4), { kind: 'softmax' }), { threshold: 0.2, candidates: 6, limit: 25, scoreThreshold: 0.1, background: true }), { noGradient: true }),
  row('roiAlign', 'half a pixel off', (x) => roiAlign(x, boxesBeside(x), { outputSize: [3, 2], spatialScale: 5, name: 'align' })),
  row('roiAlign', "Mask R-CNN's first form, three samples", (x) => roiAlign(x, boxesBeside(x), { outputSize: 2, spatialScale: 4, samplingRatio: 3, aligned: false })),
  row('roiPool', 'bins that overlap', (x) => roiPool(x, boxesBeside(x), { outputSize: [3, 2], spatialScale: 4, name: 'pool' }), { noGradient: 'onnxruntime' }),
  row('scaleGradient', 'there and back', (x) => scaleGradient(scaleGradient(x, { factor: 4 }), { factor: 0.25 })),
  row('convUnit', 'with batch norm', (x) => convUnit(x, { filters: 4, kernelSize: 3, batchNorm: true, convBias: true, name: 'unit', index: 0 }), normalised),
  row('scaledTanh', 'of an image', (x) => scaledTanh(x, {})),
  row('subsampling', 'odd sizes', (x) => subsampling(x, { poolSize: 3 })),
  row('radialBasis', 'of three digits', (x) => radialBasis(dense(flatten(x), { units: 84, activation: 'tanh' }), { classes: 3 })),
  row('tableConv', 'rows of three lengths', (x) => tableConv(x, { table: [[0, 1], [1, 3], [2, 7], [4], [0, 2, 3, 4, 5, 6, 7]], kernelSize: 3, padding: 1, name: 'conv' })),
  row('mlpConv', 'stride and padding', (x) => mlpConv(x, { filters: 4, kernelSize: 3, stride: 2, padding: 1, pointwise: [5, 3], name: 'stage' })),
  row('basicBlock', 'identity', (x) => basicBlock(x, { filters: 8, name: 'block' }), normalised),
  row('basicBlock', 'projection', (x) => basicBlock(x, { filters: 4, stride: 2, name: 'block' }), normalised),
  row('basicBlock', 'padded shortcut', (x) => basicBlock(x, { filters: 12, stride: 2, shortcut: 'padded', name: 'block' }), normalised),
  row('bottleneck', 'projection, stride in the 3x3', (x) => bottleneck(x, { filters: 3, stride: 2, name: 'block' }), normalised),
  row('bottleneck', 'projection of equal shapes', (x) => bottleneck(x, { filters: 2, shortcut: 'projectionAlways', name: 'block' }), normalised),
  row('bottleneck', 'stride in the first 1x1', (x) => bottleneck(x, { filters: 3, stride: 2, strideOn: 'first', name: 'block' }), normalised),
  row('bottleneck', 'in groups', (x) => bottleneck(x, { filters: 4, stride: 2, groups: 2, baseWidth: 32, name: 'block' }), normalised),
  row('basicBlock', 'without shortcut', (x) => basicBlock(x, { filters: 4, stride: 2, shortcut: 'none', name: 'block' }), normalised),
  row('basicBlock', 'dilated, 3x3 projection', (x) => basicBlock(x, { filters: 4, stride: 2, dilation: [1, 2], projection: '3x3', name: 'block' }), normalised),
  row('bottleneck', 'averages in the projection, narrower first 1x1, parts', (x) => bottleneck(x, {
    filters: 3, stride: 2, projection: 'averagePool', firstFilters: 2, name: 'block',
    parts: { before: tanhed, after: gated, inner: gated, shortcut: tanhed, output: gated },
  }), normalised),
  row('basicBlock', 'a learned factor for each branch', (x) => basicBlock(x, { filters: 8, gate: { form: 'softmax' }, name: 'block' }), normalised),
  row('preactBasicBlock', 'learned factors by channel', (x) => preactBasicBlock(x, { filters: 8, gate: { per: 'channel', form: 'sigmoid' }, name: 'block' }), normalised),
  row('preactBasicBlock', 'identity', (x) => preactBasicBlock(x, { filters: 8, name: 'block' }), normalised),
  row('preactBasicBlock', 'padded shortcut', (x) => preactBasicBlock(x, { filters: 12, stride: 2, shortcut: 'padded', name: 'block' }), normalised),
  row('preactBasicBlock', 'projection, dropout', (x) => preactBasicBlock(x, { filters: 4, stride: 2, dropout: 0.25, name: 'block' }), { trainingDiffers: true, random: true }),
  row('preactBottleneck', 'projection, stride in the 3x3', (x) => preactBottleneck(x, { filters: 3, stride: 2, name: 'block' }), normalised),
  row('preactBottleneck', 'parts', (x) => preactBottleneck(x, { filters: 2, parts: { before: tanhed, after: gated, shortcut: tanhed, output: gated }, name: 'block' }), normalised),
  row('preactBottleneck', 'stride in the first 1x1', (x) => preactBottleneck(x, { filters: 3, stride: 2, strideOn: 'first', naming: 'pytorchcv', name: 'block' }), normalised),
  row('denseLayer', 'bottleneck', (x) => denseLayer(x, { growthRate: 3, name: 'layer' }), normalised),
  row('denseLayer', 'plain, with dropout', (x) => denseLayer(x, { growthRate: 4, bottleneck: false, dropout: 0.25, name: 'layer' }), { trainingDiffers: true, random: true }),
  row('denseBlock', 'two layers', (x) => denseBlock(x, { layers: 2, growthRate: 2, name: 'block' }), normalised),
  row('denseBlock', 'plain layers', (x) => denseBlock(x, { layers: 3, growthRate: 2, bottleneck: false, naming: 'pytorchcv', name: 'block' }), normalised),
  row('denseBlock', 'a weight for each connection', (x) => denseBlock(x, { layers: 3, growthRate: 2, gate: { form: 'softmax' }, name: 'block' }), normalised),
  row('denseBlock', 'a weight for each channel', (x) => denseBlock(x, { layers: 2, growthRate: 2, bottleneck: false, gate: { per: 'channel', form: 'sigmoid' }, name: 'block' }), normalised),
  row('transition', 'odd sizes and channels', (x) => transition(x, { compression: 0.4, name: 'transition' }), normalised),
  row('transition', 'no compression', (x) => transition(x, { compression: 1, naming: 'pytorchcv', name: 'transition' }), normalised),
  row('naiveInception', 'without batch norm', (x) => naiveInception(x, { filters1x1: 2, filters3x3: 3, filters5x5: 2, batchNorm: false, name: 'module' })),
  row('inceptionModule', "GoogLeNet's, Caffe's names", (x) => inceptionModule(x, { ...inceptionColumns, filters1x1: 2, projection: 2, batchNorm: false, naming: 'caffe', name: 'inception_3a' })),
  row('inceptionModule', "torchvision's", (x) => inceptionModule(x, { ...inceptionColumns, filters1x1: 2, projection: 2, large: '3x3', name: 'module' }), normalised),
  row('inceptionModule', "BN-Inception's halving", (x) => inceptionModule(x, { ...inceptionColumns, large: 'double3x3', stride: 2, convBias: true, naming: 'pytorchcv', name: 'module' }), normalised),
  row('inceptionModule', 'average pool, something after', (x) => inceptionModule(x, { ...inceptionColumns, projection: 3, pool: 'average', after: (y, { name }) => squeezeExcite(y, { ratio: 4, name: `${name}.se` }), name: 'module' }), normalised),
  ...(['A', 'B', 'C', 'D', 'E'] as const).map((kind) =>
    row('inceptionV3Module', kind, (x) => inceptionV3Module(x, { kind, width: kind === 'A' || kind === 'C' ? 64 : undefined, depthMultiplier: 1 / 64, scale: kind !== 'B', countPadding: kind !== 'A', name: 'module' }), normalised)),
  row('depthwiseSeparable', 'stride 2', (x) => depthwiseSeparable(x, { filters: 4, stride: 2, name: 'unit' }), normalised),
  row('invertedResidual', 'with the sum', (x) => invertedResidual(x, { filters: 8, expansion: 2, name: 'block' }), normalised),
  row('invertedResidual', "MobileNet v3's", (x) => invertedResidual(x, { filters: 4, expansion: 2.3, divisor: 8, kernelSize: 5, stride: 2, activation: 'hardSwish', squeezeExcite: { of: 'expanded', divisor: 8, gate: 'hardSigmoid' }, epsilon: 1e-3, naming: 'mobilenetV3', name: 'block' }), normalised),
  row('invertedResidual', "EfficientNet's", (x) => invertedResidual(x, { filters: 8, expansion: 1, activation: 'silu', squeezeExcite: { of: 'input', activation: 'silu' }, stochasticDepth: 0.25, naming: 'mobilenetV3', name: 'block' }), { trainingDiffers: true, random: true }),
  row('separableConv', 'stride 2, 5x5', (x) => separableConv(x, { filters: 4, stride: 2, kernelSize: 5, name: 'unit' })),
  row('xceptionBlock', 'identity', (x) => xceptionBlock(x, { filters: 8, units: 3, name: 'block' }), normalised),
  row('xceptionBlock', 'pool and projection, widened first', (x) => xceptionBlock(x, { filters: 10, stride: 2, name: 'block' }), normalised),
  row('xceptionBlock', 'widened last, without its ReLU', (x) => xceptionBlock(x, { filters: 12, stride: 2, widenOn: 'last', startActivation: false, name: 'block' }), normalised),
  row('combinedBlock', 'every ingredient', (x) => combinedBlock(x, { filters: 8, bottleneck: 2, groups: 2, name: 'block' }), normalised),
  row('combinedBlock', 'groups and their 3x3, stride, padded shortcut', (x) => combinedBlock(x, { filters: 12, stride: 2, bottleneck: 1, groups: 4, depthwise: false, shortcut: 'padded' }), normalised),
  row('combinedBlock', 'none, learned factors', (x) => combinedBlock(x, { filters: 4, bottleneck: 1, groups: 1, depthwise: false, gate: { form: 'sigmoid' }, name: 'block' }), normalised),
  row('dilatedBlock', 'a hybrid group', (x) => dilatedBlock(x, { filters: 4, dilations: [1, 2, 3], name: 'block' }), normalised),
  row('dilatedBlock', 'kernels of 5, biases', (x) => dilatedBlock(x, { filters: 3, dilations: [2], kernelSize: 5, batchNorm: false, name: 'block' })),
  row('contextModule', 'basic', (x) => contextModule(x, { layers: 6, name: 'context' })),
  row('contextModule', 'large, padded by the first layer', (x) => contextModule(x, { layers: 5, width: 'large', border: 'first', name: 'context' })),
  row('aspp', 'two rates', (x) => aspp(x, { filters: 3, rates: [1, 2], dropout: 0, name: 'aspp' }), normalised),
  row('aspp', 'a rate beyond the map, dropout', (x) => aspp(x, { filters: 4, rates: [12], name: 'aspp' }), { trainingDiffers: true, random: true }),
  row('summedAspp', 'the rates of v2', (x) => summedAspp(x, { filters: 3, rates: [1, 2, 6], name: 'aspp' })),
  row('shuffleUnit', 'stride 1', (x) => shuffleUnit(x, { filters: 8, groups: 2, name: 'unit' }), normalised),
  row('shuffleUnit', 'stride 2', (x) => shuffleUnit(x, { filters: 24, groups: 2, stride: 2, name: 'unit' }), normalised),
  row('shuffleUnitV2', 'stride 1', (x) => shuffleUnitV2(x, { filters: 8, name: 'unit' }), normalised),
  row('shuffleUnitV2', 'stride 2', (x) => shuffleUnitV2(x, { filters: 12, stride: 2, name: 'unit' }), normalised),
];

/** Exports of the packages of blocks that are neither blocks nor layers. A new export goes here or, if it is one, gets a row. */
export const NO_BLOCKS: ReadonlySet<string> = new Set([
  'activate', 'batchNormalize', 'batchNormalizeTraining', 'shuffleChannels', 'gateFactors', 'gateChannels', 'sumWeighted', 'sumOf', 'sumActivated', 'suppressedBoxes', 'suppressGreedily', 'iou', 'stochasticPoolMean', 'stochasticPoolSample', 'convolve2d', 'depthwiseConvolve2d', 'deformableConvolve2d', 'bilinearSample', 'multiplyMatrices', 'localResponseNormalize',
  'adaptiveAvgPool2d', 'resizeBilinear2d', 'interpolationWeights', 'averageScale', 'fieldBehind', 'receptiveField', 'avgPool2d', 'maxPool2d', 'spatialMean', 'effectiveKernel', 'resolvePadding', 'windowOutput', 'hashString', 'normalStream', 'randomStream',
  'defineFamily', 'closest', 'describeValue', 'unknownName', 'readOptions', 'isLowerable', 'registerLayers', 'OptionError', 'blockEntries', 'layersUnder', 'layerLabel',
  'install', 'uninstall', 'installedPatches', 'replaceKernel', 'replaceGradient',
  'applyLayer', 'imageShape', 'oneTensor', 'convolutionConfig', 'convolutionShape', 'windowAttributes', 'initializer', 'constantInitializer',
  'boxAreas', 'boxesOfSide', 'clipBoxes', 'convertBoxes', 'decodeBoxes', 'encodeBoxes', 'boxOverlaps', 'defaultBoxes', 'gridAnchors', 'priorAnchors',
  'multiboxDetection', 'fastNonMaxSuppression', 'nonMaxSuppression', 'matrixNonMaxSuppression', 'softNonMaxSuppression', 'suppressTensors',
  'anchorTargets', 'withoutPadding', 'matchByThresholds', 'matchSsd', 'matchWithForced', 'mineHardNegatives', 'sampleAnchors',
  'resizeNearest2d', 'normalizeChannels', 'ssd', 'tinySsd', 'vggSsd', 'retinanet', 'assignAnchors', 'trainerTargets', 'trainerLosses', 'detectionLoss', 'detectionLosses', 'decodeDetections', 'detect', 'withDetections',
  'boxLoss', 'decodeOffsets', 'smoothL1', 'focalLoss', 'priorBias', 'pyramidLevels', 'alignBoxes', 'alignRegions', 'poolBoxes', 'poolRegions', 'roiAlign2d', 'roiPool2d', 'averagePrecision', 'evaluateCoco', 'evaluateVoc',
  'localizer', 'boxesOfClass', 'boxesOfFractions', 'boxFractions', 'classBoxTargets', 'mergeBoxes', 'evaluateLocalization',
  'deformableRoiPool2d', 'deformableSpatial', 'withScaledGradient', 'affineGrid2d', 'gridSample2d', 'thinPlateGrid2d', 'convolveTranspose2d', 'hardWhere2d', 'softWhat2d', 'softWhere2d', 'unpool2d', 'whatWhereLoss', 'whatWhereTraining',
  'dilatedStages', 'hybridDilation', 'addShortcut', 'residualNetwork', 'residualStages', 'attentionParts', 'channelKernelSize', 'convolveChannels', 'buildGoogLeNet', 'inceptionLoss', 'smoothLabels',
]);
