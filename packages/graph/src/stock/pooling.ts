import { resolvePadding, type Value } from '@convkit/core';
import { squeeze } from './convolution.js';
import { channelsLast, config, pair, refuse, single, type StockLowering } from './stock-layer.js';

interface PoolConfig {
  poolSize: number | number[];
  strides: number | number[];
  padding: string;
}

function attributes(x: Value, { poolSize, strides, padding }: Partial<PoolConfig>, oneDimensional: boolean) {
  const size = pair(poolSize, 2);
  const stride = strides === undefined || strides === null ? size : pair(strides, 2);
  if (oneDimensional) size[1] = stride[1] = 1;
  const pads = resolvePadding(padding === 'same' ? 'same' : 'valid', [x.shape[1] ?? 0, x.shape[2] ?? 0], size, stride);
  return { size, strides: [...stride] as [number, number], padding: pads };
}

const pool2d = (kind: 'maxPool' | 'avgPool'): StockLowering => (layer, g, inputs) =>
  channelsLast(layer, g, single(inputs), (x) => {
    const window = attributes(x, config<PoolConfig>(layer), false);
    return kind === 'maxPool' ? g.op('maxPool', [x], window) : g.op('avgPool', [x], { ...window, counted: [0, 0, 0, 0] });
  });

const pool1d = (kind: 'maxPool' | 'avgPool'): StockLowering => (layer, g, inputs) => {
  const x = single(inputs);
  const image = g.op('reshape', [x], { shape: [x.shape[1] as number, 1, x.shape[2] as number] });
  const window = attributes(image, config<PoolConfig>(layer), true);
  return squeeze(g, kind === 'maxPool' ? g.op('maxPool', [image], window) : g.op('avgPool', [image], { ...window, counted: [0, 0, 0, 0] }));
};

const global = (kind: 'mean' | 'max', rank: 3 | 4): StockLowering => (layer, g, inputs) => {
  const x = single(inputs);
  if (x.shape.length !== rank) return refuse(layer, 'input', x.shape, `of rank ${rank}`);
  const first = config<{ dataFormat: string }>(layer).dataFormat === 'channelsFirst';
  const axes = rank === 3 ? [1] : first ? [2, 3] : [1, 2];
  return g.op('reduce', [x], { kind, axes, keepDims: false });
};

export const pooling = {
  MaxPooling2D: pool2d('maxPool'), AveragePooling2D: pool2d('avgPool'), MaxPooling1D: pool1d('maxPool'), AveragePooling1D: pool1d('avgPool'),
  GlobalAveragePooling2D: global('mean', 4), GlobalMaxPooling2D: global('max', 4), GlobalAveragePooling1D: global('mean', 3), GlobalMaxPooling1D: global('max', 3),
};
