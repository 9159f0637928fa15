import { Option, type Command } from 'commander';
import type { Session } from './program.js';
import { printLine } from './io.js';

/** `convkit parity <fixture...>`: outputs of other frameworks against ours. */
export function addParity(program: Command, session: Session): void {
  program
    .command('parity')
    .description('compare with recorded outputs of other frameworks; exit 1 above tolerance')
    .argument('<fixture...>', 'fixture files')
    .addOption(new Option('--json', 'one JSON value'))
    .action(async (files: string[], options: { json?: boolean }) => {
      const { runParity } = await import('../suites/parity.js');
      const { text, exitCode } = await runParity(files, { json: options.json === true });
      printLine(session.io, text);
      session.exitCode = exitCode;
    });
}
