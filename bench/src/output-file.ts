import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CommandError, messageOf } from './errors.js';

/** Refuses a file that is there already or a folder that cannot be written, before any work. `shown` is what the flag said. */
export async function checkOutputFile(flag: string, file: string, shown: string, force: boolean): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  if (found?.isDirectory()) throw new CommandError('usage', `${flag} must be a file, got a folder: ${shown}`);
  if (found !== undefined && !force) throw new CommandError('usage', `${flag} must be a file that is not there yet, ${shown} is`, '--force replaces it');
  const folder = dirname(file);
  if ((await stat(folder).catch(() => undefined)) === undefined) throw new CommandError('usage', `${flag} must be inside an existing folder, ${dirname(shown)} does not exist`);
  await access(folder, constants.W_OK).catch((error: unknown) => {
    throw new CommandError('environment', `${flag} must be in a folder that can be written: ${messageOf(error)}`);
  });
}
