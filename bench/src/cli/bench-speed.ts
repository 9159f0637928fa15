import { Option, type Command } from 'commander';
import type { Engine } from '../engines/engine.js';
import type { WrittenRecord } from '../records/write.js';
import { milliseconds } from './format.js';
import { noteLine, printLine } from './io.js';
import { inputOption, integerOption, listOption, textOption } from './options.js';
import { subjectFlags } from './profile.js';
import type { Session } from './program.js';
import { table } from './table.js';

interface SpeedFlags {
  readonly engine?: string[];
  readonly batch?: number;
  readonly processes?: number;
  readonly pairs?: number;
  readonly quick?: boolean;
  readonly seed?: number;
  readonly threads?: number;
  readonly timeout?: number;
  readonly input?: [number, number, number];
  readonly classes?: number;
  readonly out?: string;
  readonly json?: boolean;
}

/** `convkit bench speed`: time against a frozen reference, engines of one model interleaved. */
export function addBenchSpeed(bench: Command, session: Session): void {
  bench
    .command('speed')
    .description('time models against a frozen reference, interleaved in fresh processes')
    .argument('[model...]', 'names of convkit list, or model.json files; default: a handful')
    .addOption(listOption('--engine <ids>', 'engines, comma-separated; auto: the first available, its compiled form, and onnxruntime where it is installed; all: every available one', (part) => part))
    .addOption(integerOption('--batch <n>', 'images a run (default: 1)', { min: 1, max: 1024 }))
    .addOption(integerOption('--processes <n>', 'fresh processes (default: 8)', { min: 1, max: 1000 }))
    .addOption(integerOption('--pairs <n>', 'interleaved rounds in each (default: 10)', { min: 1, max: 1000 }))
    .addOption(new Option('--quick', '2 processes of 3 pairs: a look, not a result to publish').conflicts(['processes', 'pairs']))
    .addOption(integerOption('--seed <n>', 'of weights, inputs and order (default: 1)', { min: 0, max: 2 ** 32 - 1 }))
    .addOption(integerOption('--threads <n>', 'of onnxruntime, tensorflow and wasm-threads (default: one a core); the others have none to choose', { min: 1, max: 1024 }))
    .addOption(integerOption('--timeout <seconds>', 'for one process (default: 900)', { min: 1, max: 86_400 }))
    .addOption(inputOption())
    .addOption(integerOption('--classes <n>', 'outputs of the classifier', { min: 1, max: 1_000_000 }))
    .addOption(textOption('--out <folder>', 'where the records go'))
    .addOption(new Option('--json', 'one JSON object'))
    .action(async (names: string[], flags: SpeedFlags) => {
      const [{ checkedNames }, { FULL_DESIGN, measureSpeed, QUICK_DESIGN, SPEED_HANDFUL }, { chooseEngines }, { finishRun, openRun }] = await Promise.all([
        import('../suites/selection.js'), import('../suites/speed.js'), import('../engines/catalog.js'), import('./run.js'),
      ]);
      const subjects = (await checkedNames(names.length === 0 ? SPEED_HANDFUL : names)).map((name) => ({ name, ...subjectFlags(flags) }));
      const { engines, because } = await chooseEngines(flags.engine ?? ['auto']);
      if (because !== undefined) noteLine(session.io, because);
      noteThreads(session, engines, flags.threads);
      const design = flags.quick === true ? QUICK_DESIGN : FULL_DESIGN;
      const plan = {
        engines: engines.map((engine) => engine.id), batch: flags.batch ?? 1, processes: flags.processes ?? design.processes, pairs: flags.pairs ?? design.pairs,
        seed: flags.seed ?? 1, ...(flags.threads === undefined ? {} : { threads: flags.threads }), ...(flags.timeout === undefined ? {} : { timeoutMs: flags.timeout * 1000 }),
      };
      const run = await openRun(session, flags);
      const report = await measureSpeed(subjects, plan, run.context).finally(run.close);
      finishRun(session, report, { json: flags.json === true, folder: run.folder, show: (written) => printLine(session.io, speedTable(written)) });
    });
}

/** Says for which engines the number means nothing. */
function noteThreads({ io }: Session, engines: readonly Engine[], threads: number | undefined): void {
  const single = engines.filter(({ threaded = false }) => !threaded).map(({ id }) => id);
  if (threads !== undefined && threads > 1 && single.length > 0) noteLine(io, `--threads ${threads}: not for ${single.join(', ')}, which ${single.length === 1 ? 'has' : 'have'} none to choose`);
}

/** Speeds of records as a table: the ratio with its interval, and milliseconds of this machine. */
export function speedTable(written: readonly WrittenRecord[]): string {
  const rows = written.flatMap(({ record: { subject, speed } }) => {
    if (speed === undefined) return [];
    const { median, ci95 } = speed.ratio;
    const plain = speed.rivals.find((rival) => rival.engine === speed.backend);
    const versus = plain === undefined ? '' : plain.resolved ? `${(1 / plain.ratio.median).toFixed(2)}x` : 'not resolved';
    const times = [median, ...ci95].map((value) => (value < 10 ? value.toFixed(2) : value.toPrecision(3)));
    const steady = `${times[0]} (${times[1]}-${times[2]})${speed.resolved ? '' : ' ?'}`;
    return [[subject.variant, speed.engine, milliseconds(speed.absolute.p50), steady, versus]];
  });
  return table([
    { title: 'model' }, { title: 'engine' }, { title: 'an image', right: true }, { title: 'x ref. (95 %)', right: true }, { title: 'vs plain', right: true },
  ], rows);
}
