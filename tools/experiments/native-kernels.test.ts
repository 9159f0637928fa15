import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { summarize, type Run } from './native-kernels-summary.mjs';

const text = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
const result = JSON.parse(text('results/native-kernels.json')) as { runs: Run[]; summary: ReturnType<typeof summarize>; settings: { rounds: number } };

test('the recorded medians and ratios are those of the recorded turns', () => {
  expect(summarize(result.runs)).toEqual(result.summary);
  for (const turns of result.runs.flatMap(({ composed, compiled, plain }) => (plain ? [plain] : [composed, compiled]))) expect(turns).toHaveLength(2 * result.settings.rounds);
});

test('README and decision say what is recorded', () => {
  const { cases, deformableOverPlain } = result.summary;
  const figures = cases.map(({ composed, compiled, ratio }) => [composed, compiled, ratio].map((value) => value.toFixed(1)).join(' | '));
  const rows = (path: string) => text(path).match(/(?<=\| )[\d.]+ \| [\d.]+ \| [\d.]+(?= \|$)/gm) ?? [];
  expect(rows('../../decisions/010-compiled-kernels.md')).toEqual(figures);
  const readme = rows('../../packages/tfjs-extras/README.md');
  expect(readme.length).toBeGreaterThan(5);
  for (const row of readme) expect(figures).toContain(row);
  for (const path of ['../../decisions/010-compiled-kernels.md', '../../packages/tfjs-extras/README.md']) expect(text(path)).toContain(deformableOverPlain.toFixed(2));
});
