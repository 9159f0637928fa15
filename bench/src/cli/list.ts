import { Option, type Command } from 'commander';
import { si } from '@convkit/profile/numbers';
import { shape } from './format.js';
import { printJson, printLine } from './io.js';
import { textOption } from './options.js';
import type { Session } from './program.js';
import { table } from './table.js';

/** `convkit list`: every variant of the zoo. */
export function addList(program: Command, session: Session): void {
  program
    .command('list')
    .description('every model there is, with its paper and its size')
    .addOption(textOption('--family <id>', 'only this family'))
    .addOption(new Option('--json', 'one JSON array'))
    .action(async (options: { family?: string; json?: boolean }) => {
      const { familyEntries } = await import('../suites/selection.js');
      const entries = await familyEntries(options.family);
      if (options.json === true) {
        printJson(session.io, entries);
        return;
      }
      // Family names head their models: a column of them would not fit 80 columns beside the longest names.
      const rows = entries.flatMap((entry, i) => [
        ...(entry.family === entries[i - 1]?.family ? [] : [[entry.family, '', '', '']]),
        [`  ${entry.id}`, si(entry.params), si(entry.macs), shape(entry.input)],
      ]);
      printLine(session.io, table([{ title: 'model' }, { title: 'params', right: true }, { title: 'MACs', right: true }, { title: 'input', right: true }], rows));
    });
}
