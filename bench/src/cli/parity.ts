import { Option, type Command } from 'commander';
import { printLine } from './io.js';
import { listOption } from './options.js';
import type { Session } from './program.js';

/** `convkit parity <fixture...>`: networks and operators of other frameworks against ours. */
export function addParity(program: Command, session: Session): void {
  program
    .command('parity')
    .description('compare with recorded values of other frameworks; exit 1 above tolerance')
    .argument('<fixture...>', 'fixture files')
    .addOption(listOption('--without <list>', 'operators that may be not covered, comma-separated, such as roi_align,grid_sample', (part) => part))
    .addOption(new Option('--json', 'one JSON value'))
    .action(async (files: string[], options: { json?: boolean; without?: string[] }) => {
      const { runParity } = await import('../suites/parity.js');
      const { text, exitCode } = await runParity(files, { json: options.json === true, without: options.without ?? [] });
      printLine(session.io, text);
      session.exitCode = exitCode;
    });
}
