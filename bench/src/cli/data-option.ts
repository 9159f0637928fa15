import { resolve } from 'node:path';
import type { DatasetRef, DecodeProgress } from '@convkit/data/node';
import type { Option } from 'commander';
import { noteLine, type Io } from './io.js';
import { choiceOption } from './options.js';

/** `--data`: a name, or a path that is taken as it is. */
export function dataOption(): Option {
  const named = choiceOption('--data <name>', 'data set, or the path of a folder or tar archive of images', ['auto', 'fashion-mnist', 'shapes']);
  const { parseArg } = named;
  return named.argParser((value: string, previous: unknown) => (isPath(value) ? value : parseArg?.(value, previous)));
}

/** A path as processes in other folders find it too; names stay. */
export function absoluteData(data: DatasetRef, cwd: string): DatasetRef {
  return isPath(data) ? resolve(cwd, data) : data;
}

/** As isDatasetPath of @convkit/data, which a command line that only shows its help does not load. */
function isPath(value: string): boolean {
  return /[/\\]|^\.|\.(tar|tgz|tar\.gz)$/i.test(value);
}

/** A line on stderr for every tenth of the images. */
export function decodeNotes(io: Io): (progress: DecodeProgress) => void {
  return ({ done, total }) => {
    if (total >= 1000 && Math.floor((done * 10) / total) > Math.floor(((done - 1) * 10) / total)) noteLine(io, `decoded ${done} of ${total} images`);
  };
}
