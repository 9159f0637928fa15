// What the recorded localisation says of itself follows from its runs, and the README says the same.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { mean } from './record.mjs';

interface Run {
  readonly boxes: 'shared' | 'perClass';
  readonly layers: 'all' | 'dense';
  readonly seed: number;
  readonly classifierTop1: number;
  readonly centre: { readonly correct: number };
  readonly dense: { readonly correct: number; readonly box: number };
}

test('VGG-style localisation finds the object of more than nine in ten images, in the middle and densely', () => {
  const { runs, summary } = JSON.parse(readFileSync(new URL('results/localization.json', import.meta.url), 'utf8')) as { runs: Run[]; summary: Record<string, object> };
  const readme = readFileSync(new URL('../../packages/anchors/README.md', import.meta.url), 'utf8');
  const percent = (share: number) => (100 * share).toFixed(1);
  for (const boxes of ['shared', 'perClass'] as const) {
    for (const layers of ['all', 'dense'] as const) {
      const own = runs.filter((run) => run.boxes === boxes && run.layers === layers);
      const [centre, denseBox, dense] = [mean(own.map((run) => run.centre.correct)), mean(own.map((run) => run.dense.box)), mean(own.map((run) => run.dense.correct))];
      expect(summary[`${boxes}, ${layers} layers`]).toEqual({ centre, denseBox, dense });
      expect(Math.min(centre, denseBox)).toBeGreaterThan(0.9);
      expect(readme).toContain(`| ${boxes} | ${layers} | ${percent(centre)} | ${percent(denseBox)} | ${percent(dense)} |`);
    }
  }
  expect(readme).toContain(`The classifier beside it is right for ${mean(runs.map(({ classifierTop1 }) => classifierTop1)).toFixed(1)} %.`);
});
