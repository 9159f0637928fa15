import { distance } from 'fastest-levenshtein';

/** Up to three names close to what was typed, the closest first; at most a third of its letters may differ. */
export function nearest(typed: string, names: Iterable<string>): string[] {
  const wanted = plain(typed);
  const limit = Math.max(2, Math.floor(wanted.length / 3));
  return [...names]
    .map((name) => ({ name, steps: distance(wanted, plain(name)) }))
    .filter(({ steps }) => steps <= limit)
    .sort((a, b) => a.steps - b.steps || a.name.localeCompare(b.name, 'en'))
    .slice(0, 3)
    .map(({ name }) => name);
}

/** Case and separators are how people misremember a name. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[-_. ]/g, '');
}
