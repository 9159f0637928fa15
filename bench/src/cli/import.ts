import { Option, type Command } from 'commander';
import type { LoadStateDictOptions } from '@convkit/weights';
import { CommandError } from '../errors.js';
import { checkOutFolder } from './folder-option.js';
import { noteLine, printJson, printLine, type Io } from './io.js';
import { choiceOption, inputOption, integerOption, listOption, textOption } from './options.js';
import { subjectFlags } from './profile.js';
import type { Session } from './program.js';
import { table } from './table.js';

interface ImportFlags {
  readonly model: string;
  readonly out?: string;
  readonly force?: boolean;
  readonly input?: [number, number, number];
  readonly classes?: number;
  readonly head?: 'load' | 'skip';
  readonly inputChannels?: NonNullable<LoadStateDictOptions['inputChannels']>;
  readonly prefix?: string;
  readonly ignore?: string[];
  readonly strictFinite?: boolean;
  readonly revision?: string;
  readonly file?: string;
  readonly sha256?: string;
  readonly json?: boolean;
}

/** `convkit import <file> --model resnet50`: trained PyTorch weights as a model that TensorFlow.js loads. */
export function addImport(program: Command, session: Session): void {
  program
    .command('import')
    .description('trained PyTorch weights (safetensors) as a model.json that tf.loadLayersModel reads')
    .argument('<from>', 'a .safetensors file, an https:// address, or a hub id such as timm/resnet50.a1_in1k')
    .addOption(textOption('--model <name>', 'the network, a name of convkit list').makeOptionMandatory())
    .addOption(textOption('--out <folder>', 'where model.json and weights.bin go (default: a folder named after the model)'))
    .addOption(new Option('--force', 'replace a model that is there already'))
    .addOption(inputOption())
    .addOption(integerOption('--classes <n>', 'outputs of the classifier', { min: 1, max: 1_000_000 }))
    .addOption(choiceOption('--head <what>', 'skip: start a new classifier, for other classes', ['load', 'skip']))
    .addOption(choiceOption('--input-channels <how>', 'adapt the first convolution to other channels', ['sum', 'mean', 'repeat']))
    .addOption(textOption('--prefix <text>', 'what stands in front of the names (default: found out)'))
    .addOption(listOption('--ignore <names>', 'entries to leave out, by what their names start with', (part) => part))
    .addOption(new Option('--strict-finite', 'NaN and infinite weights are an error, not a warning'))
    .addOption(textOption('--revision <name>', 'branch, tag or commit on the hub (default: main)'))
    .addOption(textOption('--file <name>', 'file on the hub (default: model.safetensors)'))
    .addOption(textOption('--sha256 <hex>', 'what the SHA-256 of a download must be'))
    .addOption(new Option('--json', 'one JSON object'))
    .action(async (from: string, flags: ImportFlags) => {
      const { io } = session;
      const [{ importWeights }, { openProgress }, { isModelFile }] = await Promise.all([import('../suites/import-weights.js'), import('../progress/view.js'), import('../suites/subject.js')]);
      if (isModelFile(flags.model)) throw new CommandError('usage', `--model must be a name of convkit list, got ${JSON.stringify(flags.model)}`);
      const out = flags.out ?? flags.model;
      const { folder } = await checkOutFolder(out, io.cwd, 'model.json and weights.bin are written into the folder');
      const view = await openProgress({ stream: io.stderr, env: io.env });
      const { model, head, inputChannels, prefix, ignore, revision, file, sha256, force = false } = flags;
      const report = await importWeights({
        from, cwd: io.cwd, subject: { name: model, ...subjectFlags(flags) }, folder, force, emit: view.emit, signal: io.signal,
        options: withoutGaps({ head, inputChannels, prefix, ignore, revision, file, sha256, nonFinite: flags.strictFinite === true ? 'refuse' : 'warn' }),
      }).finally(view.close);
      for (const warning of report.warnings) noteLine(io, `convkit: warning: ${warning}`);
      for (const note of report.notes) noteLine(io, note);
      if (flags.json === true) printJson(io, report);
      else printReport(io, report);
    });
}

function printReport(io: Io, { model, from, loaded, values, ignored, kept, files }: Awaited<ReturnType<typeof import('../suites/import-weights.js').importWeights>>): void {
  const rows: [string, string][] = [
    ['model', model],
    ['from', from],
    ['loaded', `${loaded} weights, ${values.toLocaleString('en')} values`],
    ...(ignored > 0 ? [['left out', `${ignored} entries`] as [string, string]] : []),
    ...(kept.length > 0 ? [['not loaded', kept.join(', ')] as [string, string]] : []),
    ...files.map((file, i): [string, string] => [i === 0 ? 'written' : '', file]),
  ];
  printLine(io, table([{ title: '' }, { title: '' }], rows).replace(/^\n/, ''));
}

/** An object without the keys whose value is undefined. */
function withoutGaps<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as T;
}
