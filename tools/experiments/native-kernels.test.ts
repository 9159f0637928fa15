import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { summarize } from './native-kernels-summary.mjs';

test('the recorded medians and ratios are those of the recorded turns', () => {
  const { runs, summary, settings } = JSON.parse(readFileSync(new URL('results/native-kernels.json', import.meta.url), 'utf8'));
  expect(summarize(runs)).toEqual(summary);
  for (const { composed, compiled, plain } of runs) expect((plain ?? composed).length).toBe(2 * settings.rounds * (plain || composed.length === compiled.length ? 1 : Number.NaN));
});
