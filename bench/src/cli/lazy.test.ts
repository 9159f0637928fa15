import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

it('help and version load commander and nothing that is heavy', () => {
  const packages = new Set<string>();
  const seen = new Set<string>();
  const visit = (url: URL): void => {
    const path = fileURLToPath(url);
    if (seen.has(path)) return;
    seen.add(path);
    const text = readFileSync(path, 'utf8');
    // Static imports and re-exports of values; `import type` and import() load nothing now.
    for (const [, specifier = ''] of text.matchAll(/^(?:import|export)(?! type)(?:[^;'"]*? from)? '([^']+)';/gm)) {
      if (!specifier.startsWith('.')) packages.add(specifier);
      else visit(new URL(specifier.replace(/\.js$/, '.ts'), url));
    }
  };
  const entry = new URL('../cli.ts', import.meta.url);
  expect(existsSync(entry)).toBe(true);
  visit(entry);
  const thirdParty = [...packages].filter((name) => !name.startsWith('node:'));
  expect(thirdParty.sort()).toEqual(['@convkit/profile/numbers', 'cli-table3', 'commander', 'fastest-levenshtein']);
});
