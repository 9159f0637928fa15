import { resolve } from 'node:path';
import type { DatasetRef } from '@convkit/data/node';
import { Option, type Command } from 'commander';
import type { Corners } from '../draw/boxes.js';
import type { Panel, Picture, Pixels } from '../draw/picture.js';
import type { Transformation } from '../draw/grid.js';
import { CommandError } from '../errors.js';
import { absoluteData, dataOption, decodeNotes } from './data-option.js';
import { noteLine, printJson, printLine } from './io.js';
import { choiceOption, integerOption, numberOption, textOption } from './options.js';
import type { Session } from './program.js';

interface Common {
  readonly out: string;
  readonly force?: boolean;
  readonly scale?: number;
  readonly seed?: number;
  readonly json?: boolean;
  readonly image?: string;
}

/** The sides of a picture's longest panel, in pixels, where --scale does not say. */
const PANEL = 256;

/** `convkit draw boxes|anchors|grid|reconstruct`: pictures as PNG files. */
export function addDraw(program: Command, session: Session): void {
  const draw = program.command('draw').description('a picture as a PNG file: boxes, anchors, grids, reconstructions');
  addBoxes(draw, session);
  addAnchors(draw, session);
  addGrid(draw, session);
  addReconstruct(draw, session);
}

function common(command: Command): Command {
  return command
    .addOption(textOption('--out <file>', 'where the PNG goes').makeOptionMandatory())
    .addOption(integerOption('--scale <n>', 'sides of a pixel in the picture (default: such that an image is about 256 wide)', { min: 1, max: 64 }))
    .addOption(new Option('--force', 'replace a file that is there already'))
    .addOption(new Option('--json', 'one JSON object'));
}

const seedOption = (what: string) => integerOption('--seed <n>', `${what} (default: 0)`, { min: 0, max: 2 ** 32 - 1 });
const imageOption = () => textOption('--image <file>', 'a PNG or JPEG of your own (default: one of the shapes set)');

/** What `make` gives, drawn and written; nothing is drawn before the target is known to be good. */
async function written({ io }: Session, flags: Common, make: (read: (size: number, objects: number) => Promise<Pixels>) => Promise<{ rows: readonly (readonly Panel[])[]; lines?: readonly string[]; report: object }>): Promise<void> {
  const [{ drawPicture, openDrawing, readPixels, writePicture }, { checkOutputFile }, { shapesPanels }] = await Promise.all([import('../draw/picture.js'), import('../output-file.js'), import('../draw/boxes.js')]);
  const sharp = await openDrawing();
  const file = resolve(io.cwd, flags.out);
  if (!/\.png$/i.test(file)) throw new CommandError('usage', `--out must end in .png, got ${JSON.stringify(flags.out)}`);
  await checkOutputFile('--out', file, flags.out, flags.force === true);
  const image = async (size: number, objects: number): Promise<Pixels> => {
    if (flags.image !== undefined) return readPixels(sharp, resolve(io.cwd, flags.image), flags.image);
    return (shapesPanels({ count: 1, size, objects, seed: flags.seed ?? 0 }).panels[0] as Panel).image;
  };
  const { rows, lines = [], report } = await make(image);
  const widest = Math.max(...rows.flat().map(({ image: { width, height } }) => Math.max(width, height)));
  const picture: Picture = { rows, scale: flags.scale ?? Math.max(1, Math.round(PANEL / widest)) };
  const { bytes, width, height } = await drawPicture(sharp, picture);
  io.signal.throwIfAborted();
  await writePicture(file, flags.out, bytes);
  if (flags.json === true) printJson(io, { file: flags.out, width, height, ...report });
  else printLine(io, [`${flags.out}: ${width} x ${height}`, ...lines].join('\n'));
}

function addBoxes(draw: Command, session: Session): void {
  common(draw.command('boxes').description('images of the shapes set with the boxes of their objects, or an image of your own with yours'))
    .addOption(imageOption())
    .addOption(textOption('--boxes <list>', 'of --image: x1,y1,x2,y2 in pixels, several with ; between'))
    .addOption(integerOption('--count <n>', 'images of the shapes set (default: 3)', { min: 1, max: 16 }))
    .addOption(integerOption('--size <pixels>', 'their sides (default: 96)', { min: 16, max: 512 }))
    .addOption(integerOption('--objects <n>', 'at most in each (default: 4)', { min: 1, max: 6 }))
    .addOption(seedOption('of the shapes set'))
    .action(async (flags: Common & { boxes?: string; count?: number; size?: number; objects?: number }) => {
      const other = (['count', 'size', 'objects', 'seed'] as const).find((name) => flags[name] !== undefined);
      if ((flags.image === undefined) !== (flags.boxes === undefined)) throw new CommandError('usage', '--image and --boxes must be given together, got one of them');
      if (flags.image !== undefined && other !== undefined) throw new CommandError('usage', `--${other} is of the shapes set and must be absent with --image`);
      const boxes = flags.boxes === undefined ? [] : readLists('--boxes', flags.boxes, 4, 'x1,y1,x2,y2 in pixels');
      await written(session, flags, async (read) => {
        const { boxesPanel, shapesPanels } = await import('../draw/boxes.js');
        if (flags.image !== undefined) return { rows: [[boxesPanel(await read(0, 0), boxes as unknown as Corners[])]], report: { boxes: boxes.length } };
        const { panels, legend } = shapesPanels({ count: flags.count ?? 3, size: flags.size ?? 96, objects: flags.objects ?? 4, seed: flags.seed ?? 0 });
        return { rows: [panels], lines: legend, report: { boxes: panels.reduce((sum, { marks = [] }) => sum + marks.length, 0), legend } };
      });
    });
}

function addAnchors(draw: Command, session: Session): void {
  common(draw.command('anchors').description('the anchors or default boxes of a detector at some cells of a map'))
    .addOption(choiceOption('--detector <name>', 'whose anchors', ['tinySsd', 'ssd300', 'ssd512', 'fpn', 'retinanet']).makeOptionMandatory())
    .addOption(integerOption('--map <n>', 'which of its maps, from the finest, 1 (default: 3)', { min: 1, max: 16 }))
    .addOption(textOption('--cells <list>', 'row,column from 0, several with ; between (default: the middle)'))
    .addOption(imageOption())
    .addOption(seedOption('of the shapes set'))
    .action(async (flags: Common & { detector: 'tinySsd' | 'ssd300' | 'ssd512' | 'fpn' | 'retinanet'; map?: number; cells?: string }) => {
      const cells = flags.cells === undefined ? undefined : readLists('--cells', flags.cells, 2, 'row,column from 0', /^\d{1,4}$/);
      await written(session, flags, async (read) => {
        const { ANCHOR_TABLES, anchorsPanel } = await import('../draw/boxes.js');
        const { maps, side } = ANCHOR_TABLES[flags.detector];
        const map = flags.map ?? 3;
        const [rows = 1, columns = 1] = maps[map - 1] ?? [];
        const middle = [[Math.floor(rows / 2), Math.floor(columns / 2)]];
        const { boxes, ...panel } = anchorsPanel(flags.detector, { map, cells: (cells ?? middle) as [number, number][], image: await read(side, 4) });
        return { rows: [[panel]], lines: [`${boxes} boxes of the ${rows} x ${columns} map`], report: { boxes, map: [rows, columns] } };
      });
    });
}

function addGrid(draw: Command, session: Session): void {
  common(draw.command('grid').description('an image, where an affine map or a thin-plate spline looks in it, and what it sees there'))
    .addOption(textOption('--theta <list>', 'an affine map from output to input, six numbers: x then y of scale, shear and shift'))
    .addOption(numberOption('--bend <x>', 'a thin-plate spline whose control points move by up to this much, where the image is 2 wide', { above: 0, max: 2 }))
    .addOption(integerOption('--control-points <n>', 'of the spline, each way (default: 4)', { min: 2, max: 16 }))
    .addOption(imageOption())
    .addOption(seedOption('of the shapes set, and of how the spline bends'))
    .action(async (flags: Common & { theta?: string; bend?: number; controlPoints?: number }) => {
      const transformation = transformationOf(flags);
      await written(session, flags, async (read) => {
        const [{ gridPanels }, { useBackend }] = await Promise.all([import('../draw/grid.js'), import('../engines/backends.js')]);
        await useBackend('cpu');
        return { rows: [await gridPanels(await read(64, 3), transformation)], report: { transformation } };
      });
    });
}

function transformationOf({ theta, bend, controlPoints, seed = 0 }: { theta?: string; bend?: number; controlPoints?: number; seed?: number }): Transformation {
  if ((theta === undefined) === (bend === undefined)) throw new CommandError('usage', `one of --theta and --bend must be given, got ${theta === undefined ? 'neither' : 'both'}`);
  if (bend !== undefined) return { kind: 'thinPlate', controls: controlPoints ?? 4, bend, seed };
  if (controlPoints !== undefined) throw new CommandError('usage', '--control-points is of --bend and must be absent with --theta');
  const lists = readLists('--theta', theta as string, 6, 'six numbers');
  if (lists.length !== 1) throw new CommandError('usage', `--theta must be six numbers, got ${JSON.stringify(theta)}`);
  return { kind: 'affine', theta: lists[0] as number[] };
}

function addReconstruct(draw: Command, session: Session): void {
  common(draw.command('reconstruct').description('trains two autoencoders, one that is told where its maxima were and one that is not, and shows what they put together'))
    .addOption(dataOption())
    .addOption(choiceOption('--engine <name>', 'auto: the first that is here', ['auto', 'onnxruntime', 'tensorflow-gpu', 'tensorflow', 'wasm', 'cpu']))
    .addOption(integerOption('--count <n>', 'test images (default: 10)', { min: 1, max: 32 }))
    .addOption(integerOption('--steps <n>', 'of 64 images, for each (default: 200)', { min: 1, max: 100_000 }))
    .addOption(integerOption('--pool <n>', 'side of the pool (default: 4)', { min: 2, max: 16 }))
    .addOption(seedOption('of weights and order'))
    .action(async (flags: Common & { data?: DatasetRef; engine?: Parameters<typeof import('../suites/training-engine.js').trainingEngine>[0]; count?: number; steps?: number; pool?: number }) => {
      const { io } = session;
      await written(session, flags, async () => {
        const [{ loadDataset }, { reconstructions }, { trainingEngine }, { openProgress }] = await Promise.all([
          import('@convkit/data/node'), import('../draw/reconstruct.js'), import('../suites/training-engine.js'), import('../progress/view.js'),
        ]);
        const dataset = await loadDataset(absoluteData(flags.data ?? 'auto', io.cwd), { signal: io.signal, onDecode: decodeNotes(io) });
        if (dataset.note !== undefined) noteLine(io, dataset.note);
        const [steps, task] = [flags.steps ?? 200, 'reconstruct'];
        const engine = await trainingEngine(flags.engine ?? 'auto');
        const view = await openProgress({ stream: io.stderr, env: io.env });
        view.emit({ type: 'start', task, label: 'two autoencoders', total: 2 * steps });
        const { rows, errors } = await reconstructions({
          dataset, engine, steps, count: flags.count ?? 10, poolSize: flags.pool ?? 4, seed: flags.seed ?? 0, signal: io.signal, onStep: (done) => view.emit({ type: 'advance', task, done }),
        }).finally(() => { view.emit({ type: 'end', task, outcome: 'done' }); return view.close(); });
        const lines = ['rows: images, told where, not told', ...errors.map(({ where, error }) => `${where === 'hard' ? 'told where' : 'not told'}: squared error a pixel ${error.toFixed(4)}`)];
        return { rows, lines, report: { dataset: dataset.name, engine, steps, errors } };
      });
    });
}

/** `a,b;c,d` as lists of so many numbers each. @throws CommandError (usage) naming the flag. */
function readLists(flag: string, text: string, length: number, allowed: string, pattern = /^-?(\d+(\.\d*)?|\.\d+)$/): number[][] {
  return text.split(';').map((part) => {
    const words = part.split(',').map((word) => word.trim());
    if (words.length !== length || !words.every((word) => pattern.test(word))) throw new CommandError('usage', `${flag} must be ${allowed}, got ${JSON.stringify(part)}`);
    return words.map(Number);
  });
}
