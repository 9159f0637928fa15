import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { CommandError } from '../errors.js';

/**
 * The folder that `--out` names, checked before any work: no file, and inside a folder that exists.
 * @param purpose what is done with the folder, for the hint.
 * @throws CommandError (usage).
 */
export async function checkOutFolder(out: string, cwd: string, purpose: string): Promise<{ folder: string; exists: boolean }> {
  const folder = resolve(cwd, out);
  const found = await stat(folder).catch(() => undefined);
  if (found !== undefined && !found.isDirectory()) throw new CommandError('usage', `--out must be a folder, got a file: ${out}`, purpose);
  if (found === undefined && (await stat(dirname(folder)).catch(() => undefined)) === undefined) {
    throw new CommandError('usage', `--out must be inside an existing folder, ${dirname(out)} does not exist`);
  }
  return { folder, exists: found !== undefined };
}
