import type { ZooEntry } from '@convkit/zoo';
import { CommandError } from '../errors.js';
import { nearest } from '../nearest.js';
import { isModelFile, openSubject } from './subject.js';

/** All entries of the zoo, or one family's. Throws wrong usage with the nearest name for an unknown family. */
export async function familyEntries(family?: string): Promise<ZooEntry[]> {
  const { zoo } = await import('@convkit/zoo');
  const entries = zoo.list();
  if (family === undefined) return entries;
  const families = [...new Set(entries.map((entry) => entry.family))];
  if (!families.includes(family)) {
    const [closest] = nearest(family, families);
    throw new CommandError('usage', `--family must be one of ${families.join(', ')}, got ${JSON.stringify(family)}`, closest === undefined ? undefined : `did you mean ${closest}?`);
  }
  return entries.filter((entry) => entry.family === family);
}

/** Checks every name before any work; the same name twice counts once. Throws as `openSubject` does. */
export async function checkedNames(names: readonly string[]): Promise<string[]> {
  const unique = [...new Set(names)];
  for (const name of unique) {
    const subject = await openSubject({ name });
    if (isModelFile(name)) await subject.build({ initialWeights: 'zeros' }).then((model) => model.dispose());
  }
  return unique;
}
