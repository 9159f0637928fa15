import { Option, type Command } from 'commander';
import { integerOption, inputOption } from './options.js';
import { printJson, printLine } from './io.js';
import type { Session } from './program.js';

interface ProfileFlags {
  readonly input?: [number, number, number];
  readonly classes?: number;
  readonly layers?: boolean;
  readonly json?: boolean;
  readonly markdown?: boolean;
}

/** `convkit profile <model>`: what one model costs. */
export function addProfile(program: Command, session: Session): void {
  program
    .command('profile')
    .description('what one model costs: parameters, multiply-adds, memory, receptive field')
    .argument('<model>', 'a name of convkit list, or the model.json of a saved layers model')
    .addOption(inputOption())
    .addOption(integerOption('--classes <n>', 'outputs of the classifier', { min: 1, max: 1_000_000 }))
    .addOption(new Option('--layers', 'a row for every layer as well'))
    .addOption(new Option('--json', 'one JSON object').conflicts('markdown'))
    .addOption(new Option('--markdown', 'a Markdown table'))
    .action(async (name: string, flags: ProfileFlags) => {
      const { profileSubject } = await import('../suites/describe.js');
      const { family, profile } = await profileSubject({ name, ...subjectFlags(flags) });
      if (flags.json === true) {
        const { layers, model, ...totals } = profile;
        printJson(session.io, { model, family, ...totals, ...(flags.layers === true ? { layers } : {}) });
        return;
      }
      const { formatMarkdown, formatTable } = await import('@convkit/profile');
      const format = flags.markdown === true ? formatMarkdown : formatTable;
      printLine(session.io, format(profile, { layers: flags.layers === true }).trimEnd());
    });
}

/** The part of a reference that flags give. */
export function subjectFlags({ input, classes }: Pick<ProfileFlags, 'input' | 'classes'>) {
  return { ...(input === undefined ? {} : { inputShape: input }), ...(classes === undefined ? {} : { classes }) };
}
