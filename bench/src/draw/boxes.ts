import { DEFAULT_BOXES, defaultBoxes, GRID_ANCHORS, gridAnchors, PRIOR_ANCHORS, priorAnchors } from '@convkit/anchors';
import { SHAPE_CLASSES, shapes, type ShapesDataset } from '@convkit/data';
import { CommandError } from '../errors.js';
import { colourOf, pixelsOf, type Mark, type Panel, type Pixels } from './picture.js';

/** x1, y1, x2, y2 in pixels. */
export type Corners = readonly [number, number, number, number];

/** Images of the shapes set, without its noise, with the boxes of their objects, one colour a class; and what the colours stand for. */
export function shapesPanels({ count, size, objects, seed }: { count: number; size: number; objects: number; seed: number }): { panels: Panel[]; legend: string[] } {
  const { train, imageShape }: ShapesDataset = shapes({ seed, train: count, test: 1, imageSize: size, objects: [1, objects], noise: 0 });
  const seen = new Set<number>();
  const panels = Array.from({ length: count }, (_, n) => {
    const marks = Array.from({ length: train.objectsPerImage }, (_, k) => n * train.objectsPerImage + k).flatMap((k): Mark[] => {
      const label = train.objectLabels[k] ?? -1;
      if (label < 0) return [];
      seen.add(label);
      const [y1 = 0, x1 = 0, y2 = 0, x2 = 0] = train.boxes.subarray(4 * k, 4 * k + 4);
      return [{ kind: 'box', corners: [x1, y1, x2, y2], colour: colourOf(label) }];
    });
    return { image: pixelsOf(train.images, n, imageShape), marks };
  });
  return { panels, legend: [...seen].sort((a, b) => a - b).map((label) => `${colourOf(label)} ${SHAPE_CLASSES[label] ?? ''}`) };
}

/** An image with boxes of one's own, each in a colour of its own. @throws CommandError (usage) for a box that is none or outside the image. */
export function boxesPanel(image: Pixels, boxes: readonly Corners[]): Panel {
  const marks = boxes.map((corners, n): Mark => {
    const [x1, y1, x2, y2] = corners;
    if (!(x1 < x2 && y1 < y2)) throw new CommandError('usage', `--boxes must be x1,y1,x2,y2 with x1 < x2 and y1 < y2, got ${corners.join(',')}`);
    if (x2 <= 0 || y2 <= 0 || x1 >= image.width || y1 >= image.height) throw new CommandError('usage', `--boxes must lie on the image of ${image.width} x ${image.height} pixels, got ${corners.join(',')}`);
    return { kind: 'box', corners, colour: colourOf(n) };
  });
  return { image, marks };
}

interface AnchorTable {
  /** Side of its square images. */
  readonly side: number;
  readonly maps: readonly (readonly [number, number])[];
  /** Corners in pixels, map by map, row by row. */
  anchors(): Float32Array;
}

const inPixels = (boxes: Float32Array, side: number) => boxes.map((value) => value * side);
const pyramid = (side: number, strides: readonly number[]) => strides.map((stride): [number, number] => [side / stride, side / stride]);

/** The detectors whose anchors can be drawn, with square images. */
export const ANCHOR_TABLES = {
  tinySsd: table(256, PRIOR_ANCHORS.tinySsd.maps, () => { const { anchors: _, ...options } = PRIOR_ANCHORS.tinySsd; return inPixels(priorAnchors(options), 256); }),
  ssd300: table(300, DEFAULT_BOXES.ssd300.maps, () => { const { anchors: _, ...options } = DEFAULT_BOXES.ssd300; return inPixels(defaultBoxes(options), 300); }),
  ssd512: table(512, DEFAULT_BOXES.ssd512.maps, () => { const { anchors: _, ...options } = DEFAULT_BOXES.ssd512; return inPixels(defaultBoxes(options), 512); }),
  fpn: pyramidTable('fpn', [4, 8, 16, 32, 64]),
  retinanet: pyramidTable('retinanet', [8, 16, 32, 64, 128]),
} as const;

function table(side: number, maps: AnchorTable['maps'], anchors: () => Float32Array): AnchorTable {
  return { side, maps, anchors };
}

function pyramidTable(name: 'fpn' | 'retinanet', strides: readonly number[]): AnchorTable {
  const { sizes, ratios } = GRID_ANCHORS[name];
  const maps = pyramid(512, strides);
  return table(512, maps, () => gridAnchors({ image: [512, 512], maps, sizes, ratios }));
}

export type AnchorTableName = keyof typeof ANCHOR_TABLES;

/** The anchors at some cells of one map of a detector, each cell in a colour. @throws CommandError (usage) for a map or a cell that is not there. */
export function anchorsPanel(name: AnchorTableName, { map, cells, image }: { map: number; cells: readonly (readonly [row: number, column: number])[]; image: Pixels }): Panel & { boxes: number } {
  const { maps, side, anchors } = ANCHOR_TABLES[name] as AnchorTable;
  const chosen = maps[map - 1];
  if (chosen === undefined) throw new CommandError('usage', `--map must be an integer from 1 to ${maps.length} for ${name}, got ${map}`);
  if (image.width !== side || image.height !== side) throw new CommandError('usage', `--image must have ${side} x ${side} pixels for ${name}, got ${image.width} x ${image.height}`);
  const all = anchors();
  const places = maps.map(([h, w]) => h * w);
  const before = places.slice(0, map - 1);
  // Maps differ in how many anchors a cell has: those with fewer come from the table's ratios.
  const perCell = cellCounts(name);
  const start = before.reduce((sum, n, i) => sum + n * (perCell[i] as number), 0);
  const count = perCell[map - 1] as number;
  const marks = cells.flatMap(([row, column], n): Mark[] => {
    if (row >= chosen[0] || column >= chosen[1]) throw new CommandError('usage', `--cells must be rows and columns of a ${chosen.join(' x ')} map, counted from 0, got ${row},${column}`);
    return Array.from({ length: count }, (_, i) => {
      const at = 4 * (start + (row * chosen[1] + column) * count + i);
      return { kind: 'box', corners: [...all.subarray(at, at + 4)] as unknown as Corners, colour: colourOf(n) };
    });
  });
  return { image, marks, boxes: marks.length };
}

/** Anchors a cell, for each map. */
function cellCounts(name: AnchorTableName): number[] {
  if (name === 'tinySsd') return PRIOR_ANCHORS.tinySsd.sizes.map((sizes) => sizes.length + PRIOR_ANCHORS.tinySsd.ratios.length - 1);
  if (name === 'ssd300' || name === 'ssd512') return DEFAULT_BOXES[name].ratios.map((ratios) => 2 + 2 * ratios.length);
  return GRID_ANCHORS[name].sizes.map((sizes) => sizes.length * GRID_ANCHORS[name].ratios.length);
}
