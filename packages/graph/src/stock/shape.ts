import { channelsLast, config, pair, single, type StockLowering } from './stock-layer.js';

const size = (shape: readonly (number | null)[]) => shape.reduce<number>((product, n) => product * (n as number), 1);

const flatten: StockLowering = (layer, g, inputs) => {
  const x = single(inputs);
  const first = config<{ dataFormat: string }>(layer).dataFormat === 'channelsFirst' && x.shape.length === 4;
  const last = first ? g.op('transpose', [x], { permutation: [0, 2, 3, 1] }) : x;
  return g.op('reshape', [last], { shape: [size(x.shape.slice(1))] });
};

const reshape: StockLowering = (layer, g, inputs) => {
  const { targetShape = [] } = config<{ targetShape: (number | null)[] }>(layer);
  const total = size(single(inputs).shape.slice(1));
  const open = (n: number | null) => n === null || n < 0;
  const fixed = size(targetShape.filter((n) => !open(n)));
  return g.op('reshape', [single(inputs)], { shape: targetShape.map((n) => (open(n) ? total / fixed : (n as number))) });
};

const permute: StockLowering = (layer, g, inputs) => g.op('transpose', [single(inputs)], { permutation: [0, ...(config<{ dims: number[] }>(layer).dims ?? [])] });

const zeroPadding: StockLowering = (layer, g, inputs) =>
  channelsLast(layer, g, single(inputs), (x) => {
    const [rows = [1, 1], columns = [1, 1]] = config<{ padding: [[number, number], [number, number]] }>(layer).padding ?? [];
    return g.op('pad', [x], { padding: [[0, 0], rows, columns, [0, 0]], value: 0 });
  });

const cropping: StockLowering = (layer, g, inputs) =>
  channelsLast(layer, g, single(inputs), (x) => {
    const [rows = [0, 0], columns = [0, 0]] = config<{ cropping: [[number, number], [number, number]] }>(layer).cropping ?? [];
    const high = g.op('slice', [x], { axis: 1, start: rows[0], size: (x.shape[1] as number) - rows[0] - rows[1] });
    return g.op('slice', [high], { axis: 2, start: columns[0], size: (x.shape[2] as number) - columns[0] - columns[1] });
  });

const upSampling: StockLowering = (layer, g, inputs) =>
  channelsLast(layer, g, single(inputs), (x) => {
    const { size: factor, interpolation } = config<{ size: number[]; interpolation: string }>(layer);
    const [sh, sw] = pair(factor, 2);
    const method = interpolation === 'bilinear' ? 'bilinear' : 'nearest';
    return g.op('resize', [x], { size: [(x.shape[1] as number) * sh, (x.shape[2] as number) * sw], method, alignCorners: false, halfPixelCenters: false });
  });

export const shape = { Flatten: flatten, Reshape: reshape, Permute: permute, ZeroPadding2D: zeroPadding, Cropping2D: cropping, UpSampling2D: upSampling };
