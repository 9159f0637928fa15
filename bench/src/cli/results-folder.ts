import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { access, constants, mkdir, unlink, writeFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { CommandError, errorCode, messageOf } from '../errors.js';
import { PACKAGE_ROOT } from '../package-root.js';
import { checkOutFolder } from './folder-option.js';

/** Where records go when nobody says: `bench/results` of a checkout, or `convkit-results` beside the caller. */
export function defaultResultsFolder(cwd: string): string {
  const installed = PACKAGE_ROOT.split(sep).includes('node_modules');
  return installed ? join(cwd, 'convkit-results') : join(PACKAGE_ROOT, 'results');
}

/**
 * The folder to write to, known to be writable before anything is measured. The default is made when it is missing;
 * a folder that was named must have a parent. Throws wrong usage for what is no folder, an error of the environment for
 * what cannot be written.
 */
export async function openResultsFolder(out: string | undefined, cwd: string): Promise<string> {
  const { folder, exists } = out === undefined
    ? { folder: defaultResultsFolder(cwd), exists: existsSync(defaultResultsFolder(cwd)) }
    : await checkOutFolder(out, cwd, 'records are added to the folder, one file each');
  try {
    // Not recursive for a folder that was named: Node never returns from that below /proc.
    if (!exists) await mkdir(folder, { recursive: out === undefined });
    await access(folder, constants.W_OK);
    // Root may write where the disk may not: only a file tells.
    const probe = join(folder, `.probe-${process.pid}-${randomBytes(4).toString('hex')}`);
    await writeFile(probe, '', { flag: 'wx' });
    await unlink(probe);
  } catch (error) {
    const reason = errorCode(error) === 'ENOTDIR' ? 'a part of it is a file' : messageOf(error);
    throw new CommandError(errorCode(error) === 'ENOTDIR' ? 'usage' : 'environment', `--out must be a folder that can be written: ${reason}`);
  }
  return folder;
}
