import type { Command } from 'commander';
import { EXIT } from '../errors.js';
import type { SuiteReport } from '../suites/report.js';
import { noteLine, printLine } from './io.js';
import { integerOption, textOption } from './options.js';
import type { Session } from './program.js';
import { DEFAULT_PORT, serveUntilStopped } from './serve.js';

interface StartFlags {
  readonly port?: number;
  readonly out?: string;
}

/** `convkit start`, what `npm start` runs: a quick look at everything in under five minutes on two cores, then the page. */
export function addStart(program: Command, session: Session): void {
  program
    .command('start')
    .description('quick benchmark of everything, then the leaderboard (with CI set or without a terminal it ends instead)')
    .addOption(integerOption('--port <n>', `0 for any free one (default: ${DEFAULT_PORT})`, { min: 0, max: 65_535 }))
    .addOption(textOption('--out <folder>', 'where the records go'))
    .action(async (flags: StartFlags) => {
      const { io } = session;
      const [{ runQuickBenchmark }, { noteFailures, openRun }, { isInteractive }] = await Promise.all([import('../suites/quick.js'), import('./run.js'), import('../progress/view.js')]);
      const run = await openRun(session, flags);
      const started = performance.now();
      const reports = await runQuickBenchmark(run.context).finally(run.close);
      await printTables(session, reports);
      const failures = [reports.cost, reports.speed, reports.accuracy].flatMap((report) => report.failures);
      noteFailures(io, failures);
      if (failures.length > 0) session.exitCode = EXIT.failed;
      const written = reports.cost.written.length + reports.speed.written.length + reports.accuracy.written.length;
      noteLine(io, `${written} records in ${Math.round((performance.now() - started) / 1000)} s`);
      const terminal = { stream: io.stdout, env: io.env };
      if (isInteractive(terminal) && !io.signal.aborted) await serveUntilStopped(session, { results: run.folder, port: flags.port ?? DEFAULT_PORT });
    });
}

async function printTables({ io }: Session, reports: { cost: SuiteReport; speed: SuiteReport; accuracy: SuiteReport }): Promise<void> {
  const [{ costTable }, { speedTable }, { accuracyTable }] = await Promise.all([import('./bench-cost.js'), import('./bench-speed.js'), import('./bench-accuracy.js')]);
  const section = (title: string, { written }: SuiteReport, show: typeof costTable): void => {
    if (written.length > 0) printLine(io, `${title}\n\n${show(written)}\n`);
  };
  const timed = new Set(reports.speed.written.map(({ record }) => record.subject.variant));
  const shown = { ...reports.cost, written: reports.cost.written.filter(({ record }) => timed.has(record.subject.variant)) };
  section(`Cost of one image (of ${reports.cost.written.length} models; convkit list has all)`, shown, costTable);
  section('Speed: a quick look (? is not resolved from the reference)', reports.speed, speedTable);
  section('Accuracy: a short training, one seed', reports.accuracy, accuracyTable);
}
