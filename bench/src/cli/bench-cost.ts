import { Option, type Command } from 'commander';
import { bytes, integer, si } from '@convkit/profile/numbers';
import type { WrittenRecord } from '../records/write.js';
import { printLine } from './io.js';
import { inputOption, integerOption, textOption } from './options.js';
import { subjectFlags } from './profile.js';
import type { Session } from './program.js';
import { table } from './table.js';

interface CostFlags {
  readonly input?: [number, number, number];
  readonly classes?: number;
  readonly family?: string;
  readonly layers?: boolean;
  readonly out?: string;
  readonly json?: boolean;
}

/** `convkit bench cost`: counts, exact and the same on every machine. */
export function addBenchCost(bench: Command, session: Session): void {
  bench
    .command('cost')
    .description('count every model (or those named): parameters, multiply-adds, memory')
    .argument('[model...]', 'names of convkit list, or model.json files; default: all of them')
    .addOption(textOption('--family <id>', 'all models of this family'))
    .addOption(inputOption())
    .addOption(integerOption('--classes <n>', 'outputs of the classifier', { min: 1, max: 1_000_000 }))
    .addOption(new Option('--layers', 'store a row for every layer as well'))
    .addOption(textOption('--out <folder>', 'where the records go'))
    .addOption(new Option('--json', 'one JSON object'))
    .action(async (names: string[], flags: CostFlags) => {
      const [{ checkedNames, familyEntries }, { measureCost }, { finishRun, openRun }] = await Promise.all([
        import('../suites/selection.js'), import('../suites/cost.js'), import('./run.js'),
      ]);
      const chosen = names.length > 0 && flags.family === undefined ? [] : (await familyEntries(flags.family)).map((entry) => entry.id);
      const subjects = [...(await checkedNames(names)), ...chosen].map((name) => ({ name, ...subjectFlags(flags) }));
      const run = await openRun(session, flags);
      const report = await measureCost(subjects, { layers: flags.layers === true }, run.context).finally(run.close);
      finishRun(session, report, { json: flags.json === true, folder: run.folder, show: (written) => printLine(session.io, costTable(written)) });
    });
}

/** Costs of records as a table. */
export function costTable(written: readonly WrittenRecord[]): string {
  const rows = written.map(({ record }) => [
    record.subject.variant, integer(record.subject.params.trainable), si(record.cost?.macs ?? 0), si(record.cost?.activations ?? 0), bytes(record.cost?.peakActivationBytes ?? 0),
  ]);
  return table([
    { title: 'model' }, { title: 'parameters', right: true }, { title: 'MACs', right: true }, { title: 'activations', right: true }, { title: 'peak', right: true },
  ], rows);
}
