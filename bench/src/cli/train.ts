import { access } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import type { DatasetRef } from '@convkit/data/node';
import { Option, type Command } from 'commander';
import { CommandError } from '../errors.js';
import type { TrainRecipe, TrainReport } from '../suites/train-model.js';
import type { TrainingEngine } from '../suites/training-engine.js';
import { absoluteData, dataOption, decodeNotes } from './data-option.js';
import { checkOutFolder } from './folder-option.js';
import { noteLine, printJson, printLine, type Io } from './io.js';
import { choiceOption, inputOption, integerOption, numberOption, textOption } from './options.js';
import type { Session } from './program.js';
import { table } from './table.js';

interface TrainFlags extends Partial<TrainRecipe> {
  readonly data?: DatasetRef;
  readonly engine?: TrainingEngine | 'auto';
  readonly threads?: number;
  readonly augment?: TrainRecipe['augmentation'];
  readonly input?: [number, number, number];
  readonly out?: string;
  readonly force?: boolean;
  readonly resume?: string;
  readonly json?: boolean;
}

/** What holds where neither a flag nor the state that is resumed says otherwise; sizes are the data's. */
const DEFAULTS: Omit<TrainRecipe, 'trainSize' | 'validationSize'> = {
  epochs: 5, batch: 64, learningRate: 0.05, schedule: 'cosine', warmUp: 0, optimizer: 'sgd', weightDecay: 5e-4, labelSmoothing: 0, augmentation: 'flip', shift: 2, seed: 1,
};

/** What a state was trained with cannot change under way: the steps done would be others. */
const FIXED: readonly (keyof TrainRecipe)[] = ['batch', 'optimizer', 'augmentation', 'shift', 'seed', 'trainSize', 'validationSize'];

/** `convkit train <model>`: trains and writes a model.json, and a state to go on from. */
export function addTrain(program: Command, session: Session): void {
  program
    .command('train')
    .description('train a model; writes model.json, weights.bin and state.safetensors to go on from')
    .argument('<model>', 'a name of convkit list')
    .addOption(dataOption())
    .addOption(choiceOption('--engine <name>', 'auto: the first that is here', ['auto', 'onnxruntime', 'tensorflow-gpu', 'tensorflow', 'webgpu', 'wasm', 'wasm-threads', 'cpu']))
    .addOption(integerOption('--threads <n>', 'of onnxruntime (default: one a core)', { min: 1, max: 1024 }))
    .addOption(integerOption('--epochs <n>', 'passes over the training part (default: 5)', { min: 1, max: 10_000 }))
    .addOption(integerOption('--batch <n>', 'images a step (default: 64)', { min: 1, max: 65_536 }))
    .addOption(numberOption('--learning-rate <x>', 'highest of the schedule (default: 0.05)', { above: 0, max: 1e30 }))
    .addOption(choiceOption('--schedule <name>', 'of the learning rate; step: a tenth after 1/2 and 3/4', ['cosine', 'linear', 'step', 'constant']))
    .addOption(numberOption('--warm-up <epochs>', 'in which the rate climbs (default: 0)', { min: 0, max: 10_000 }))
    .addOption(choiceOption('--optimizer <name>', 'sgd has Nesterov momentum 0.9', ['sgd', 'adam', 'adamw']))
    .addOption(numberOption('--weight-decay <x>', 'of kernels (default: 0.0005)', { min: 0, max: 1 }))
    .addOption(numberOption('--label-smoothing <x>', 'share of a target spread over all classes (default: 0)', { min: 0, max: 0.99 }))
    .addOption(choiceOption('--augment <name>', 'of training images', ['none', 'flip', 'flip-shift']))
    .addOption(integerOption('--shift <pixels>', 'of flip-shift (default: 2)', { min: 0, max: 64 }))
    .addOption(integerOption('--seed <n>', 'of weights, order, dropout (default: 1)', { min: 0, max: 2 ** 32 - 1 }))
    .addOption(integerOption('--train-size <n>', 'images to train on (default: all)', { min: 1 }))
    .addOption(integerOption('--validation-size <n>', 'images held out of training (default: a tenth)', { min: 1 }))
    .addOption(inputOption('pad images to this size (default: as they are)'))
    .addOption(textOption('--out <folder>', 'where the files go (default: a folder named after the model)'))
    .addOption(new Option('--force', 'replace a model that is there already'))
    .addOption(textOption('--resume <file>', 'a state.safetensors to go on from, with its recipe'))
    .addOption(new Option('--json', 'one JSON object'))
    .action(async (model: string, flags: TrainFlags) => {
      const { io } = session;
      const [{ checkedNames }, { trainModel }, { trainingEngine }, { openProgress }] = await Promise.all([
        import('../suites/selection.js'), import('../suites/train-model.js'), import('../suites/training-engine.js'), import('../progress/view.js'),
      ]);
      await checkedNames([model]);
      const { folder } = await checkOutFolder(flags.out ?? model, io.cwd, 'model.json, weights.bin and state.safetensors are written into the folder');
      await refuseOverwriting(folder, flags);
      const request = await requestOf(model, flags, io);
      const engine = await trainingEngine(flags.engine ?? 'auto');
      if (flags.engine === undefined || flags.engine === 'auto') noteLine(io, `engine ${engine}: the first that trains here`);
      const view = await openProgress({ stream: io.stderr, env: io.env });
      const report = await trainModel({
        ...request, engine, folder, emit: view.emit, signal: io.signal, ...(flags.threads === undefined ? {} : { threads: flags.threads }),
      }).finally(view.close);
      const shown = { ...report, files: report.files.map((file) => relative(io.cwd, file)) };
      if (flags.json === true) printJson(io, shown);
      else printReport(io, shown);
    });
}

/** Data, shape and recipe out of flags, the state that is resumed, and defaults. @throws CommandError (usage) where these contradict. */
async function requestOf(model: string, flags: TrainFlags, io: Io) {
  const [{ loadDataset }, { prepareTrainingData }, { datasetId }, { loadState }] = await Promise.all([
    import('@convkit/data/node'), import('../suites/training-data.js'), import('../suites/train-model.js'), import('../suites/training-state.js'),
  ]);
  const resume = flags.resume === undefined ? undefined : await loadState(resolve(io.cwd, flags.resume));
  const saved = resume?.notes.recipe as TrainRecipe | undefined;
  const given: Partial<TrainRecipe> = { ...flags, ...(flags.augment === undefined ? {} : { augmentation: flags.augment }) };
  if (resume !== undefined && saved !== undefined) {
    if (resume.notes.model !== model) throw new CommandError('usage', `--resume must be a state of ${model}, got one of ${resume.notes.model}`);
    const differing = FIXED.find((key) => given[key] !== undefined && given[key] !== saved[key]);
    if (differing !== undefined) throw new CommandError('usage', `--${flagOf(differing)} must be ${saved[differing]} as in the state, got ${given[differing]}`);
  }
  const dataset = await loadDataset(absoluteData(flags.data ?? datasetNameOf(resume?.notes.dataset), io.cwd), { signal: io.signal, onDecode: decodeNotes(io) });
  if (dataset.note !== undefined) noteLine(io, dataset.note);
  if (resume !== undefined && resume.notes.dataset !== datasetId(dataset)) throw new CommandError('usage', `--data must be that of the state, ${resume.notes.dataset.split(' ')[0]}, got ${dataset.name} with other images`);
  const inputShape = flags.input ?? resume?.notes.inputShape ?? dataset.imageShape;
  const keys = Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[];
  const plain = { ...DEFAULTS, ...saved, ...Object.fromEntries(keys.flatMap((key) => (given[key] === undefined ? [] : [[key, given[key]]]))) } as typeof DEFAULTS;
  const validationSize = given.validationSize ?? saved?.validationSize ?? Math.round(dataset.train.size * 0.1);
  const trainSize = given.trainSize ?? saved?.trainSize ?? dataset.train.size - validationSize;
  const recipe: TrainRecipe = { ...plain, validationSize, trainSize };
  // Wrong sizes and shapes are found before anything is built.
  const { stepsPerEpoch } = prepareTrainingData(dataset, { inputShape, ...recipe });
  const done = resume?.state.step ?? 0;
  if (done >= recipe.epochs * stepsPerEpoch && resume !== undefined) throw new CommandError('usage', `--epochs must be above the ${Math.floor(done / stepsPerEpoch)} that the state has, got ${recipe.epochs}`);
  return { model, dataset, inputShape, recipe, ...(resume === undefined ? {} : { resume }) };
}

const flagOf = (key: keyof TrainRecipe) => (key === 'augmentation' ? 'augment' : key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`));

/** The name of a state's data set. */
function datasetNameOf(id: string | undefined): NonNullable<TrainFlags['data']> {
  const name = id?.split(' ')[0];
  return name === 'fashion-mnist' || name === 'shapes' ? name : 'auto';
}

/** A run that goes on may replace what it began; no other one replaces a model unasked. */
async function refuseOverwriting(folder: string, { force = false, resume }: TrainFlags): Promise<void> {
  if (force || resume !== undefined) return;
  for (const file of ['model.json', 'state.safetensors']) {
    if (await access(join(folder, file)).then(() => true, () => false)) throw new CommandError('usage', `--out must be a folder without a model, ${folder} has one`, '--force replaces it, --resume goes on');
  }
}

function printReport(io: Io, { model, engine, steps, epochs, test, files }: TrainReport): void {
  if (epochs.length > 0) {
    printLine(io, table([{ title: 'epoch', right: true }, { title: 'loss', right: true }, { title: 'validation', right: true }, { title: 'top-1', right: true }],
      epochs.map(({ epoch, trainLoss, loss, top1 }) => [String(epoch), trainLoss.toFixed(4), loss.toFixed(4), `${top1.toFixed(2)} %`])));
    printLine(io, '');
  }
  printLine(io, test === undefined ? `${model}: interrupted after ${steps} steps; --resume goes on` : `${model}: ${test.top1.toFixed(2)} % of the test set after ${steps} steps with ${engine}`);
  printLine(io, files.join('\n'));
}
