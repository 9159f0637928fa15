import { Option, type Command } from 'commander';
import type { ParityEngine } from '../parity/engine.js';
import { printLine } from './io.js';
import { choiceOption, listOption } from './options.js';
import type { Session } from './program.js';

/** `convkit parity <fixture...>`: networks and operators of other frameworks against ours. */
export function addParity(program: Command, session: Session): void {
  program
    .command('parity')
    .description('compare with recorded values of other frameworks; exit 1 above tolerance')
    .argument('<fixture...>', 'fixture files')
    .addOption(listOption('--without <list>', 'operators that may be not covered, comma-separated, such as roi_align,grid_sample', (part) => part))
    .addOption(choiceOption('--engine <name>', 'what runs networks and training steps; beside onnxruntime, operators run on wasm', ['wasm', 'tensorflow', 'onnxruntime']))
    .addOption(new Option('--json', 'one JSON value'))
    .action(async (files: string[], options: { json?: boolean; without?: string[]; engine?: ParityEngine }) => {
      const { runParity } = await import('../suites/parity.js');
      const { engine = 'wasm' } = options;
      const { chooseEngines } = await import('../engines/catalog.js');
      await chooseEngines([engine]);
      const { text, exitCode } = await runParity(files, { json: options.json === true, without: options.without ?? [], engine });
      printLine(session.io, text);
      session.exitCode = exitCode;
    });
}
