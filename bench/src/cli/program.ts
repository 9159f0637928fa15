import { Command, Option } from 'commander';
import { packageVersion } from '../package-root.js';
import { addBench } from './bench.js';
import { addCompare } from './compare.js';
import { addDoctor } from './doctor.js';
import { addEvaluate } from './evaluate.js';
import { addDraw } from './draw.js';
import { addExport } from './export.js';
import { addImport } from './import.js';
import type { Io } from './io.js';
import { addList } from './list.js';
import { refuseRepeatedFlags } from './options.js';
import { addParity } from './parity.js';
import { addProfile } from './profile.js';
import { addServe } from './serve.js';
import { addStart } from './start.js';
import { addTrain } from './train.js';

/** What a command's action gets: the process, and a way to end with another code than 0. */
export interface Session {
  readonly io: Io;
  exitCode: number;
  /** The arguments as they were typed, for the record's command line. */
  readonly argv: readonly string[];
}

/** The whole command. Each subcommand loads what is heavy in its action only: help and version stay quick. */
export function createProgram(session: Session): Command {
  const { io } = session;
  const program = new Command('convkit')
    .description('What each CNN architecture costs, how fast it is, and how well it learns, measured on this machine.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help of a command')
    .addOption(new Option('--debug', 'print the stack of an error'))
    .showSuggestionAfterError(true)
    .allowExcessArguments(false)
    .addHelpText('after', '\nExit codes: 0 done, 1 a run failed, 2 wrong usage, 3 invalid input file,\n4 environment (engine, memory, disk), 130 and 143 interrupted.');
  for (const add of [addList, addProfile, addCompare, addDoctor, addBench, addParity, addTrain, addEvaluate, addImport, addExport, addDraw, addServe, addStart]) add(program, session);
  configure(program, io);
  refuseRepeatedFlags(program);
  return program;
}

/** Subcommands inherit these only when they are created afterwards, so all are set here. */
function configure(command: Command, io: Io): void {
  command
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      // The error is reported once, by main.
      outputError: () => undefined,
      getOutHelpWidth: () => io.stdout.columns ?? 80,
      getErrHelpWidth: () => io.stderr.columns ?? 80,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  for (const subcommand of command.commands) configure(subcommand, io);
}
