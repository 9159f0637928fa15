import { availableParallelism, cpus, totalmem } from 'node:os';
import { Option, type Command } from 'commander';
import { bytes } from '@convkit/profile/numbers';
import { printJson, printLine } from './io.js';
import type { Session } from './program.js';
import { table } from './table.js';

/** `convkit doctor`: which engines this machine has, and why not the others. */
export function addDoctor(program: Command, session: Session): void {
  program
    .command('doctor')
    .description('which engines this machine has, and why not the others')
    .addOption(new Option('--json', 'one JSON object'))
    .action(async (options: { json?: boolean }) => {
      const [{ surveyEngines }, { readLoad, isBusy }] = await Promise.all([import('../engines/catalog.js'), import('../environment.js')]);
      const engines = await surveyEngines();
      const load = await readLoad();
      const machine = {
        runtime: `node ${process.versions.node}`, cpu: cpus()[0]?.model.trim() ?? 'unknown', cores: availableParallelism(), memBytes: totalmem(),
        load: load.load?.one, busy: isBusy(load, availableParallelism()),
      };
      if (options.json === true) {
        printJson(session.io, { machine, engines });
        return;
      }
      printLine(session.io, `${machine.cpu}, ${machine.cores} cores, ${bytes(machine.memBytes)}, ${machine.runtime}`);
      if (machine.busy) printLine(session.io, `busy: load ${machine.load ?? 'unknown'}, timings would be noisy`);
      printLine(session.io, '');
      printLine(session.io, table([{ title: 'engine' }, { title: 'here' }, { title: 'why not', width: 48 }], engines.map(({ id, available, reason, hint }) => [
        id, available ? 'yes' : 'no', available ? '' : [reason, hint].filter((part) => part !== undefined).join('; '),
      ])));
    });
}
