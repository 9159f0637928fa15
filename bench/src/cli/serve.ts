import type { Command } from 'commander';
import { noteLine, printLine } from './io.js';
import { integerOption, textOption } from './options.js';
import type { Session } from './program.js';

/** Where the page is served unless told otherwise. */
export const DEFAULT_PORT = 4321;

/** `convkit serve`: the leaderboard, on this machine only. */
export function addServe(program: Command, session: Session): void {
  program
    .command('serve')
    .description('serve the leaderboard of the recorded results on this machine')
    .addOption(integerOption('--port <n>', `0 for any free one (default: ${DEFAULT_PORT})`, { min: 0, max: 65_535 }))
    .addOption(textOption('--out <folder>', 'the folder with the records'))
    .action(async (flags: { port?: number; out?: string }) => {
      const { resolve } = await import('node:path');
      const { defaultResultsFolder } = await import('./results-folder.js');
      const results = flags.out === undefined ? defaultResultsFolder(session.io.cwd) : resolve(session.io.cwd, flags.out);
      await serveUntilStopped(session, { results, port: flags.port ?? DEFAULT_PORT });
    });
}

/** Serves until the user stops it. */
export async function serveUntilStopped({ io }: Session, options: { results: string; port: number }): Promise<void> {
  const { leaderboardFolder, serveLeaderboard } = await import('../serve.js');
  const served = await serveLeaderboard({ page: leaderboardFolder(), ...options });
  printLine(io, served.url);
  noteLine(io, 'Ctrl-C ends it');
  if (!io.signal.aborted) await new Promise<void>((resolve) => io.signal.addEventListener('abort', () => resolve(), { once: true }));
  await served.close();
}
