import type { DatasetRef } from '@convkit/data/node';
import { Option, type Command } from 'commander';
import { si } from '@convkit/profile/numbers';
import type { WrittenRecord } from '../records/write.js';
import type { AccuracyPlan } from '../suites/accuracy.js';
import type { OptimizerName } from '../suites/accuracy-job.js';
import type { Augmentation } from '../suites/training-data.js';
import type { TrainingEngine } from '../suites/training-engine.js';
import type { Schedule } from '../suites/schedule.js';
import { absoluteData, dataOption, decodeNotes } from './data-option.js';
import { noteLine, printLine } from './io.js';
import { choiceOption, inputOption, integerOption, listOption, numberOption, readInteger, textOption } from './options.js';
import type { Session } from './program.js';
import { table } from './table.js';

interface AccuracyFlags {
  readonly data?: DatasetRef;
  readonly epochs?: number;
  readonly batch?: number;
  readonly learningRate?: number;
  readonly optimizer?: OptimizerName;
  readonly schedule?: Schedule;
  readonly weightDecay?: number;
  readonly augment?: Augmentation;
  readonly shift?: number;
  readonly seeds?: number[];
  readonly trainSize?: number;
  readonly validationSize?: number;
  readonly testSize?: number;
  readonly input?: [number, number, number];
  readonly jobs?: number;
  readonly engine?: TrainingEngine | 'auto';
  readonly threads?: number;
  readonly out?: string;
  readonly json?: boolean;
}

/** `convkit bench accuracy`: trains, and reads the test set once a seed. */
export function addBenchAccuracy(bench: Command, session: Session): void {
  bench
    .command('accuracy')
    .description('train models with one recipe and report the test accuracy over seeds')
    .argument('[model...]', 'names of convkit list; default: one small model a family')
    .addOption(dataOption())
    .addOption(integerOption('--epochs <n>', 'passes over the training part (default: 5)', { min: 1, max: 10_000 }))
    .addOption(integerOption('--batch <n>', 'images a step (default: 64)', { min: 1, max: 65_536 }))
    .addOption(numberOption('--learning-rate <x>', 'highest of the schedule (default: 0.05)', { above: 0, max: 100 }))
    .addOption(choiceOption('--optimizer <name>', 'sgd has Nesterov momentum 0.9', ['sgd', 'adam']))
    .addOption(choiceOption('--schedule <name>', 'learning rate', ['cosine', 'one-cycle', 'constant']))
    .addOption(numberOption('--weight-decay <x>', 'of kernels (default: 0.0005)', { min: 0, max: 1 }))
    .addOption(choiceOption('--augment <name>', 'of training images', ['none', 'flip', 'flip-shift']))
    .addOption(integerOption('--shift <pixels>', 'of flip-shift (default: 2)', { min: 0, max: 64 }))
    .addOption(listOption('--seeds <list>', 'comma-separated (default: 1,2,3,4,5)', (part, name) => readInteger(name, part, { min: 0, max: 2 ** 32 - 1 })))
    .addOption(integerOption('--train-size <n>', 'images to train on (default: all)', { min: 1 }))
    .addOption(integerOption('--validation-size <n>', 'images held out of training (default: a tenth)', { min: 1 }))
    .addOption(integerOption('--test-size <n>', 'test images (default: all)', { min: 1 }))
    .addOption(inputOption('pad images to this size (default: as they are)'))
    .addOption(choiceOption('--engine <name>', 'auto: the first that is here', ['auto', 'onnxruntime', 'tensorflow-gpu', 'tensorflow', 'webgpu', 'wasm', 'wasm-threads', 'cpu']))
    .addOption(integerOption('--threads <n>', 'of onnxruntime and tensorflow (default: the cores, divided by --jobs)', { min: 1, max: 1024 }))
    .addOption(integerOption('--jobs <n>', 'models trained at the same time (default: 1)', { min: 1, max: 64 }))
    .addOption(textOption('--out <folder>', 'where the records go'))
    .addOption(new Option('--json', 'one JSON object'))
    .action(async (names: string[], flags: AccuracyFlags) => {
      const [{ checkedNames }, { measureAccuracy, SMALL_MODELS }, { finishRun, openRun }] = await Promise.all([
        import('../suites/selection.js'), import('../suites/accuracy.js'), import('./run.js'),
      ]);
      const subjects = (await checkedNames(names.length === 0 ? SMALL_MODELS : names)).map((name) => ({ name }));
      const plan = await planOf(flags, session);
      const run = await openRun(session, flags);
      const report = await measureAccuracy(subjects, plan, run.context).finally(run.close);
      finishRun(session, report, { json: flags.json === true, folder: run.folder, show: (written) => printLine(session.io, accuracyTable(written)) });
    });
}

/** Reads the data once, so that wrong sizes and shapes are found before any training. */
async function planOf(flags: AccuracyFlags, { io }: Session): Promise<AccuracyPlan> {
  const [{ loadDataset }, { DEFAULT_RECIPE }, { prepareTrainingData }] = await Promise.all([
    import('@convkit/data/node'), import('../suites/accuracy.js'), import('../suites/training-data.js'),
  ]);
  const { trainingEngine } = await import('../suites/training-engine.js');
  const engine = await trainingEngine(flags.engine ?? 'auto');
  if (flags.engine === undefined || flags.engine === 'auto') noteLine(io, `engine ${engine}: the first that trains here`);
  if (flags.threads !== undefined && flags.threads > 1 && ['webgpu', 'wasm', 'cpu'].includes(engine)) noteLine(io, `--threads ${flags.threads}: not for ${engine}, which has no threads to choose`);
  const name = absoluteData(flags.data ?? 'auto', io.cwd);
  const dataset = await loadDataset(name, { signal: io.signal, onDecode: decodeNotes(io) });
  if (dataset.note !== undefined) noteLine(io, dataset.note);
  const recipe = {
    ...DEFAULT_RECIPE,
    ...(flags.epochs === undefined ? {} : { epochs: flags.epochs }),
    ...(flags.batch === undefined ? {} : { batch: flags.batch }),
    ...(flags.learningRate === undefined ? {} : { learningRate: flags.learningRate }),
    ...(flags.optimizer === undefined ? {} : { optimizer: flags.optimizer }),
    ...(flags.schedule === undefined ? {} : { schedule: flags.schedule }),
    ...(flags.weightDecay === undefined ? {} : { weightDecay: flags.weightDecay }),
    ...(flags.augment === undefined ? {} : { augmentation: flags.augment }),
    ...(flags.shift === undefined ? {} : { shift: flags.shift }),
  };
  const sizes = {
    ...(flags.trainSize === undefined ? {} : { trainSize: flags.trainSize }),
    ...(flags.validationSize === undefined ? {} : { validationSize: flags.validationSize }),
    ...(flags.testSize === undefined ? {} : { testSize: flags.testSize }),
  };
  const inputShape = flags.input ?? dataset.imageShape;
  const prepared = prepareTrainingData(dataset, { ...sizes, inputShape, batch: recipe.batch, seed: 0, augmentation: recipe.augmentation });
  if (recipe.batch > prepared.sizes.train) noteLine(io, `--batch ${recipe.batch} is above the ${prepared.sizes.train} training images: one smaller batch`);
  return {
    data: { name, ...sizes },
    inputShape, classes: dataset.classNames.length, recipe, seeds: flags.seeds ?? [1, 2, 3, 4, 5], concurrency: flags.jobs ?? 1,
    engine, ...(flags.threads === undefined ? {} : { threads: flags.threads }),
  };
}

/** Accuracies of records as a table. */
export function accuracyTable(written: readonly WrittenRecord[]): string {
  const rows = written.map(({ record: { subject, accuracy, status, cost } }) => {
    const top1 = accuracy?.top1;
    const spread = top1?.sd === undefined ? '' : ` +- ${top1.sd.toFixed(2)}`;
    return [
      subject.variant, si(subject.params.trainable), si(cost?.macs ?? 0), top1 === undefined ? status : `${top1.mean.toFixed(2)}${spread} %`,
      String(top1?.n ?? 0), String(accuracy?.dataset.nTrain ?? ''), String(accuracy?.recipe.epochs ?? ''), `${(accuracy?.trainSeconds ?? 0).toFixed(0)} s`,
    ];
  });
  return table([
    { title: 'model' }, { title: 'params', right: true }, { title: 'MACs', right: true }, { title: 'test top-1', right: true }, { title: 'seeds', right: true },
    { title: 'images', right: true }, { title: 'epochs', right: true }, { title: 'trained', right: true },
  ], rows);
}
