/**
 * Atrous spatial pyramid pooling: Chen, Papandreou, Kokkinos, Murphy and Yuille, "DeepLab" (v2, arXiv 1606.00915,
 * section 3.2), as public ports have it, and Chen, Papandreou, Schroff and Adam, "Rethinking Atrous Convolution for
 * Semantic Image Segmentation" (v3, arXiv 1706.05587, section 3.3), as torchvision has it, with torchvision's names.
 */
import {
  add, batchNorm, blockEntries, concatenate, conv2d, dropout, globalAveragePool, layerLabel, layersUnder, option, OptionError, readOptions, resizeBilinear,
  type BlockOptions,
} from '@convkit/core';
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import { dilationsOption } from './hybrid-dilation.js';

export interface AsppOptions extends BlockOptions {
  /** Channels of every branch and of the output. Default 256. */
  filters?: number;
  /** Dilations of the 3x3 branches: 6, 12, 18 at output stride 16, twice that at 8. Default [12, 24, 36]. */
  rates?: readonly number[];
  /** After the last ReLU. Default 0.5. */
  dropout?: number;
}

export interface SummedAsppOptions extends BlockOptions {
  /** Output channels: the classes. */
  filters: number;
  /** Dilations of the 3x3 branches; ASPP-S has [2, 4, 8, 12]. Default [6, 12, 18, 24]. */
  rates?: readonly number[];
}

const asppEntries = {
  ...blockEntries('torchUniform'),
  filters: option.withDefault(option.integer(1), 256),
  rates: option.withDefault(dilationsOption, [12, 24, 36]),
  dropout: option.withDefault(option.number({ min: 0, below: 1 }), 0.5),
} as const;
const summedEntries = { ...blockEntries('smallNormal'), filters: option.integer(1), rates: option.withDefault(dilationsOption, [6, 12, 18, 24]) } as const;

/**
 * Pyramid of v3: a 1x1 branch, a 3x3 branch for each rate, and the image's mean through a 1x1, resized to the map again;
 * each with batch norm and ReLU; concatenated, brought to `filters` channels by a 1x1, batch norm, ReLU and dropout.
 * [N, H, W, C] -> [N, H, W, filters]. Layers `convs.0.0` to `convs.R.2` and `project.0`, as torchvision's.
 * The branch of the mean normalises one value a channel and image: train with batches of more than one image.
 * @throws OptionError for unknown and impossible options, and for a map of unknown size.
 */
export function aspp(x: SymbolicTensor, options: AsppOptions = {}): SymbolicTensor {
  const where = layerLabel('aspp', options?.name);
  const { filters, rates, dropout: rate, name, ...weights } = readOptions(where, asppEntries, options);
  const [, height, width] = x.shape;
  if (typeof height !== 'number' || typeof width !== 'number') throw new OptionError(where, 'input', x.shape, 'a map [N, H, W, C] of known height and width');
  const at = layersUnder(name);
  const convNorm = (y: SymbolicTensor, path: string, index: number, window: { kernelSize: number; dilationRate?: number; padding?: number }) =>
    batchNorm(conv2d(y, { filters, ...window, useBias: false, name: at(`${path}.${index}`), ...weights }), { activation: 'relu', name: at(`${path}.${index + 1}`) });

  const mean = convNorm(globalAveragePool(x, { keepDims: true, name: at(`convs.${rates.length + 1}.0`) }), `convs.${rates.length + 1}`, 1, { kernelSize: 1 });
  const branches = [
    convNorm(x, 'convs.0', 0, { kernelSize: 1 }),
    ...rates.map((dilation, i) => convNorm(x, `convs.${i + 1}`, 0, { kernelSize: 3, dilationRate: dilation, padding: dilation })),
    resizeBilinear(mean, { size: [height, width], name: at(`convs.${rates.length + 1}.resize`) }),
  ];
  const y = convNorm(concatenate(branches, { name: at('concat') }), 'project', 0, { kernelSize: 1 });
  return rate > 0 ? dropout(y, { rate, name: at('project.3') }) : y;
}

/**
 * Pyramid of v2: the sum of one 3x3 convolution, with bias, for each rate. [N, H, W, C] -> [N, H, W, filters]. Layers
 * `conv2d_list.0`, `conv2d_list.1`, ... as the ports call them.
 * @throws OptionError for unknown and impossible options.
 */
export function summedAspp(x: SymbolicTensor, options: SummedAsppOptions): SymbolicTensor {
  const { filters, rates, name, ...weights } = readOptions(layerLabel('summedAspp', options?.name), summedEntries, options);
  const at = layersUnder(name);
  const branches = rates.map((dilation, i) => conv2d(x, { filters, kernelSize: 3, dilationRate: dilation, padding: dilation, name: at(`conv2d_list.${i}`), ...weights }));
  const [only = x] = branches;
  return branches.length === 1 ? only : add(branches, { name: at('add') });
}
