/** The entry of the `convkit` command. Loads commander and nothing else until a command runs. */
import { main } from './cli/main.js';

/** Runs the process' own command line and sets its exit code. */
export async function runFromTerminal(): Promise<void> {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      // The second time is meant: children are killed by their own exit hook.
      if (controller.signal.aborted) process.exit(name === 'SIGTERM' ? 143 : name === 'SIGHUP' ? 129 : 130);
      controller.abort(name);
    });
  }
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      // The reader has gone (`| head -1`): what is left to print is nobody's, what is left to store still is stored.
      if (error.code !== 'EPIPE') throw error;
    });
  }
  const { argv, env, stdout, stderr } = process;
  process.exitCode = await main(argv.slice(2), { stdout, stderr, env, cwd: process.cwd(), signal: controller.signal });
}

export { main } from './cli/main.js';
