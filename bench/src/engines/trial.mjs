/** A trial of native code in a process of its own: code that does not find its driver may print what nobody asked for, or end its process. */
import { fork } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** @typedef {{ reason: string, hint?: string }} Unavailable */

/** Loading 850 MB from a cold disk, or a driver's first start, takes its time. */
const TRIAL_MS = 120_000;

/**
 * Runs a module of this folder, which answers with `answerTrial`, as a process of its own. `what` is how a sentence on its end
 * begins. `said` is the last lines that it wrote to stderr.
 * @template T
 * @param {string} file  its import.meta.url
 * @param {readonly string[]} args
 * @param {string} what
 * @returns {Promise<{ answer: T | Unavailable, said: string }>}
 */
export function inChild(file, args, what) {
  return new Promise((resolve) => {
    const child = fork(fileURLToPath(file), [...args], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: [], timeout: TRIAL_MS, killSignal: 'SIGKILL' });
    let said = '';
    /** @type {T | Unavailable | undefined} */
    let answer;
    child.stderr?.on('data', (chunk) => {
      said = (said + String(chunk)).slice(-2000);
    });
    child.on('message', (message) => {
      answer = /** @type {T | Unavailable} */ (message);
    });
    child.on('error', (error) => {
      answer ??= { reason: `its trial did not start: ${error.message}` };
    });
    child.on('close', (code, signal) => {
      const last = said.trim().split('\n').at(-1) ?? '';
      const ended = `${what} ended its process (${signal === null ? `exit code ${code}` : `signal ${signal}`})${last === '' ? '' : `: ${last}`}`;
      resolve({ answer: answer ?? { reason: ended }, said });
    });
  });
}

/**
 * In the process that `inChild` started from `file`: runs the trial and sends what it gives, or the first line of its error.
 * Anywhere else it does nothing.
 * @param {string} file  its import.meta.url
 * @param {string} what  how the sentence on an error begins
 * @param {(...args: string[]) => Promise<object>} trial
 */
export async function answerTrial(file, what, trial) {
  const [, script, ...args] = process.argv;
  if (script === undefined || process.send === undefined || realpathSync(script) !== fileURLToPath(file)) return;
  const answer = await trial(...args).catch((error) => ({ reason: `${what}: ${String(error.message).split('\n')[0]}` }));
  process.send(answer, () => process.exit());
}
