import { relative, resolve } from 'node:path';
import type { DatasetRef } from '@convkit/data/node';
import type { EvaluateOptions, View } from '@convkit/evaluation';
import { Option, type Command } from 'commander';
import { CommandError } from '../errors.js';
import type { EvaluateReport, Normalization } from '../suites/evaluate-models.js';
import type { TrainingEngine } from '../suites/training-engine.js';
import { absoluteData, dataOption, decodeNotes } from './data-option.js';
import { noteLine, printJson, printLine, type Io } from './io.js';
import { choiceOption, integerOption, listOption, readInteger } from './options.js';
import type { Session } from './program.js';
import { table } from './table.js';

interface EvaluateFlags {
  readonly data?: DatasetRef;
  readonly views?: View[];
  readonly scales?: number[];
  readonly flip?: boolean;
  readonly grid?: number;
  readonly average?: NonNullable<EvaluateOptions['average']>;
  readonly normalize?: Normalization;
  readonly testSize?: number;
  readonly batch?: number;
  readonly engine?: TrainingEngine | 'auto';
  readonly threads?: number;
  readonly json?: boolean;
}

const CHOICES: readonly View[] = ['centre', 'dense', 'crops'];

/** `convkit evaluate <model...>`: tests trained models as papers do. */
export function addEvaluate(program: Command, session: Session): void {
  program
    .command('evaluate')
    .description('test a trained model, or several that decide together, on the test images')
    .argument('<model...>', 'folders with a model.json, or such files, of convkit train or import')
    .addOption(dataOption())
    .addOption(listOption('--views <list>', `what is shown of an image: ${CHOICES.join(', ')} (default: centre)`, readView))
    .addOption(listOption('--scales <list>', 'shorter sides to scale images to (default: the network\'s)', (part, name) => readInteger(name, part, { min: 1, max: 8192 })))
    .addOption(new Option('--flip', 'show everything mirrored too'))
    .addOption(integerOption('--grid <n>', 'windows along each side, of crops (default: 5)', { min: 1, max: 64 }))
    .addOption(choiceOption('--average <what>', 'of the positions of dense', ['scores', 'posteriors']))
    .addOption(choiceOption('--normalize <how>', 'mean and deviation of pixels (default: training)', ['training', 'imagenet', 'none']))
    .addOption(integerOption('--test-size <n>', 'test images (default: all)', { min: 1 }))
    .addOption(integerOption('--batch <n>', 'images at a time (default: 32)', { min: 1, max: 65_536 }))
    .addOption(choiceOption('--engine <name>', 'auto: the first that is here', ['auto', 'onnxruntime', 'tensorflow-gpu', 'tensorflow', 'webgpu', 'wasm', 'wasm-threads', 'cpu']))
    .addOption(integerOption('--threads <n>', 'of onnxruntime (default: one a core)', { min: 1, max: 1024 }))
    .addOption(new Option('--json', 'one JSON object'))
    .action(async (models: string[], flags: EvaluateFlags) => {
      const { io } = session;
      const [{ loadDataset }, { evaluateModels }, { trainingEngine }, { openProgress }] = await Promise.all([
        import('@convkit/data/node'), import('../suites/evaluate-models.js'), import('../suites/training-engine.js'), import('../progress/view.js'),
      ]);
      const engine = await trainingEngine(flags.engine ?? 'auto');
      if (flags.engine === undefined || flags.engine === 'auto') noteLine(io, `engine ${engine}: the first that is here`);
      const dataset = await loadDataset(absoluteData(flags.data ?? 'auto', io.cwd), { signal: io.signal, onDecode: decodeNotes(io) });
      if (dataset.note !== undefined) noteLine(io, dataset.note);
      const view = await openProgress({ stream: io.stderr, env: io.env });
      const report = await evaluateModels({
        models: models.map((path) => resolve(io.cwd, path)), dataset, engine, normalization: flags.normalize ?? 'training', options: optionsOf(flags),
        emit: view.emit, signal: io.signal, note: (line) => noteLine(io, line), ...(flags.testSize === undefined ? {} : { testSize: flags.testSize }),
      }).finally(view.close);
      const shown = { ...report, models: report.models.map((path) => relative(io.cwd, path) || '.') };
      if (flags.json === true) printJson(io, shown);
      else printReport(io, shown);
    });
}

function readView(part: string, name: string): View {
  const found = CHOICES.find((view) => view === part);
  if (found === undefined) throw new CommandError('usage', `${name} must be a list of ${CHOICES.join(', ')}, got ${JSON.stringify(part)}`);
  return found;
}

/** What is absent has evaluate's own default. */
function optionsOf({ views, scales, flip, grid, average, batch, threads }: EvaluateFlags): Omit<EvaluateOptions, 'engine'> {
  const given = { views, scales, flip, grid, average, batchSize: batch, threads };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Omit<EvaluateOptions, 'engine'>;
}

function printReport(io: Io, { models, dataset, engine, views, size, top1, top5, loss }: EvaluateReport): void {
  const rows: [string, string][] = [
    ...models.map((model, i): [string, string] => [i === 0 ? 'model' : 'and', model]),
    ['data', `${size} images of ${dataset.split(' ')[0]}`], ['views', `${views} an image`], ['engine', engine],
    ['top-1', `${top1.toFixed(2)} %`], ['top-5', `${top5.toFixed(2)} %`], ['loss', loss.toFixed(4)],
  ];
  printLine(io, table([{ title: '' }, { title: '' }], rows).replace(/^\n/, ''));
}
