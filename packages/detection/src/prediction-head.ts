import { batchNorm, blockEntries, conv2d, depthwiseConv2d, layerLabel, layersUnder, option, OptionError, readOptions, type BlockOptions } from '@convkit/core';
import { layers, type SymbolicTensor } from '@tensorflow/tfjs-layers';

export interface PredictionHeadOptions extends BlockOptions {
  /** Anchors of every cell, for each map. */
  anchors: readonly number[];
  /** Numbers an anchor: classes (and background), or 4. */
  columns: number;
  /**
   * 3x3 convolutions (SSD), or 3x3 depthwise, batch norm, ReLU6 and 1x1 (SSDLite: Sandler et al. 2018, section 6.2).
   * Default 'convolution'.
   */
  kind?: 'convolution' | 'separable';
}

const entries = {
  ...blockEntries('glorotUniform'),
  anchors: option.list(option.integer(1)),
  columns: option.integer(1),
  kind: option.withDefault(option.oneOf(['convolution', 'separable']), 'convolution'),
} as const;

/** torchvision's SSDLite. */
const NORM = { epsilon: 1e-3, momentum: 0.97 } as const;

/** [N, H, W, a K] of a map as rows, [N, H W a, K]: the channels of a cell are anchor by anchor. */
export function anchorRows(x: SymbolicTensor, columns: number, name: string | undefined): SymbolicTensor {
  const [, height = null, width = null, channels = null] = x.shape;
  if (height === null || width === null || channels === null) throw new OptionError(layerLabel('anchorRows', name), 'input', x.shape, '[N, H, W, C] with a known H, W and C: anchors belong to one size of image');
  return layers.reshape({ targetShape: [(height * width * channels) / columns, columns], ...(name === undefined ? {} : { name }) }).apply(x) as SymbolicTensor;
}

/** Rows of several maps behind each other, [N, A1, K], [N, A2, K], ... -> [N, A1 + A2 + ..., K]. */
export function joinRows(rows: readonly SymbolicTensor[], name: string | undefined): SymbolicTensor {
  if (rows.length === 1) return rows[0] as SymbolicTensor;
  return layers.concatenate({ axis: 1, ...(name === undefined ? {} : { name }) }).apply([...rows]) as SymbolicTensor;
}

/**
 * What a detector says of every anchor of every map: [N, H_k, W_k, C_k], ... -> [N, A, columns], map by map, row by row, anchor by
 * anchor. Layers `name.k` (torchvision's `module_list.k`).
 * @throws OptionError where there is not one number of anchors for each map.
 */
export function predictionHead(maps: readonly SymbolicTensor[], options: PredictionHeadOptions): SymbolicTensor {
  const where = layerLabel('predictionHead', options?.name);
  const { anchors, columns, kind, name, ...weights } = readOptions(where, entries, options);
  if (anchors.length !== maps.length) throw new OptionError(where, 'anchors', anchors, `one number for each of the ${maps.length} maps`);
  const at = layersUnder(name);
  const rows = maps.map((map, k) => {
    const filters = (anchors[k] as number) * columns;
    if (kind === 'convolution') return anchorRows(conv2d(map, { filters, kernelSize: 3, padding: 1, ...weights, name: at(k) }), columns, at(`${k}.rows`));
    const inner = depthwiseConv2d(map, { kernelSize: 3, padding: 1, useBias: false, ...weights, name: at(`${k}.0.0`) });
    const normal = batchNorm(inner, { ...NORM, activation: 'relu6', name: at(`${k}.0.1`) });
    return anchorRows(conv2d(normal, { filters, kernelSize: 1, ...weights, name: at(`${k}.1`) }), columns, at(`${k}.rows`));
  });
  return joinRows(rows, name);
}
