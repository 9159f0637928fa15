// What the recorded experiments say of themselves follows from their runs, and the READMEs say the same.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { meansOf, rowOf, type Run } from '../peers/summary.mjs';
import { profileRow } from '../profile-work.mjs';
import { mean } from './record.mjs';

interface Result<Run, Summary> {
  readonly command: string;
  readonly runs: readonly (Run & { readonly seed: number })[];
  readonly summary: Summary;
}

const read = <Run, Summary>(name: string) => JSON.parse(readFileSync(new URL(`results/${name}.json`, import.meta.url), 'utf8')) as Result<Run, Summary>;
const readme = (name: string) => readFileSync(new URL(`../../packages/${name}/README.md`, import.meta.url), 'utf8');
const seedsOf = (runs: readonly { readonly seed: number }[]) => [...new Set(runs.map(({ seed }) => seed))];

test('behind a spatial transformer more images are right, with every seed, than without or in a wider network', () => {
  const { runs, summary } = read<{ network: string; parameters: number; top1: number }, { top1: Record<string, number>; margins: number[]; margin: number }>('spatial-transformer');
  const of = (name: string) => runs.filter(({ network }) => network === name);
  const rows = ['plain', 'transformer', 'widened'].map((name) => ({ name, values: of(name).map(({ top1 }) => top1), parameters: of(name)[0]?.parameters ?? 0 }));
  const [plain, transformer, widened] = rows as [(typeof rows)[number], (typeof rows)[number], (typeof rows)[number]];
  expect(seedsOf(runs)).toEqual([1, 2, 3]);
  expect(summary.top1).toEqual(Object.fromEntries(rows.map(({ name, values }) => [name, mean(values)])));
  expect(summary.margins).toEqual(transformer.values.map((value, i) => value - (plain.values[i] ?? Number.NaN)));
  expect(summary.margin).toBe(mean(summary.margins));
  transformer.values.forEach((value, i) => expect(value).toBeGreaterThan(Math.max(plain.values[i]!, widened.values[i]!)));
  expect(widened.parameters).toBeGreaterThan(transformer.parameters);
  const text = readme('spatial-transformer');
  for (const { name, parameters, values } of rows) expect(text).toContain(`| ${name} | ${parameters.toLocaleString('en-US')} | ${[...values, mean(values)].map((value) => value.toFixed(2)).join(' | ')} |`);
});

test('told where, an autoencoder puts images together with less error, with every seed', () => {
  const { runs, summary } = read<{ where: string; error: number }, { error: Record<string, number>; ratios: number[] }>('what-where');
  const rows = ['hard', 'soft', 'none'].map((name) => ({ name, values: runs.filter(({ where }) => where === name).map(({ error }) => error) }));
  const [hard, soft, none] = rows as [(typeof rows)[number], (typeof rows)[number], (typeof rows)[number]];
  expect(seedsOf(runs)).toEqual([1, 2, 3]);
  expect(summary.error).toEqual(Object.fromEntries(rows.map(({ name, values }) => [name, mean(values)])));
  expect(summary.ratios).toEqual(hard.values.map((value, i) => value / (none.values[i] ?? Number.NaN)));
  none.values.forEach((value, i) => expect(Math.max(hard.values[i]!, soft.values[i]!)).toBeLessThan(value));
  const text = readme('what-where');
  for (const { name, values } of rows) expect(text).toContain(`| ${name} | ${[...values, mean(values)].map((value) => value.toFixed(5)).join(' | ')} |`);
});

test('tinySsd finds the shapes, with every seed', () => {
  interface Run { parameters: number; anchors: number; byClass: Record<string, { averagePrecision: number; truths: number }>; meanAveragePrecision: number }
  const { runs, summary } = read<Run, { meanAveragePrecision: number; lowest: number }>('tiny-ssd');
  const values = runs.map(({ meanAveragePrecision }) => meanAveragePrecision);
  expect(seedsOf(runs)).toEqual([1, 2, 3]);
  for (const { byClass, meanAveragePrecision } of runs) {
    expect(Object.keys(byClass)).toHaveLength(10);
    expect(meanAveragePrecision).toBe(mean(Object.values(byClass).map(({ averagePrecision }) => averagePrecision)));
  }
  expect(summary).toEqual({ meanAveragePrecision: mean(values), lowest: Math.min(...values) });
  expect(summary.lowest).toBeGreaterThanOrEqual(0.8);
  const text = readme('detection');
  expect(text).toContain(`| ${[...values, mean(values)].map((value) => value.toFixed(3)).join(' | ')} |`);
  for (const { parameters, anchors } of runs) expect(text).toContain(`${parameters.toLocaleString('en-US')} parameters and ${anchors.toLocaleString('en-US')} anchors`);
});

test('the medians of box operators are those of their rounds, and the README has them', () => {
  interface Run { operator: string; scene: string; backend: string; milliseconds: number[]; found: number }
  const { runs, summary } = read<Run, { median: Record<string, number> }>('box-operators');
  const nameOf = ({ operator, scene, backend }: Run) => `${operator}${backend === 'none' ? '' : ` on ${backend}`}, ${scene}`;
  expect(summary.median).toEqual(Object.fromEntries(runs.map((run) => [nameOf(run), [...run.milliseconds].sort((a, b) => a - b)[Math.floor(run.milliseconds.length / 2)]])));
  const text = readme('anchors');
  const shown = (name: string) => summary.median[name]!.toFixed(1);
  for (const scene of ['in heaps', 'half in heaps', 'everywhere']) {
    expect(text).toContain(`| \`nonMaxSuppression\` | ${scene} | ${shown(`nonMaxSuppression, ${scene}`)} | ${shown(`tf.image.nonMaxSuppression on wasm, ${scene}`)} |`);
    const found = runs.filter((run) => run.scene === scene && run.operator.endsWith('nonMaxSuppression')).map((run) => run.found);
    expect(new Set(found).size, 'boxes that stay').toBe(1);
  }
  for (const scene of ['half in heaps', 'all in one heap']) expect(text).toContain(`| \`boxOverlaps\` | ${scene} | ${shown(`boxOverlaps, iou, ${scene}`)} | |`);
});

test('the medians of RoIAlign are those of their rounds, and the README and decision 014 have them', () => {
  interface Run { how: string; part: string; kernels: string; milliseconds: number[] }
  const { runs, summary } = read<Run, { median: Record<string, number> }>('roi-align');
  expect(summary.median).toEqual(Object.fromEntries(runs.map(({ how, part, kernels, milliseconds }) => [`${how}, ${part}, ${kernels}`, [...milliseconds].sort((a, b) => a - b)[Math.floor(milliseconds.length / 2)]])));
  const shown = (how: string, kernels: string) => ['output', 'output and gradient'].map((part) => summary.median[`${how}, ${part}, ${kernels}`]?.toFixed(1) ?? '');
  const text = readme('anchors');
  expect(text).toContain(`| stock wasm | ${shown('alignBoxes', 'stock').join(' | ')} |`);
  expect(text).toContain(`(../tfjs-extras) | ${shown('alignBoxes', 'compiled').join(' | ')} |`);
  expect(text).toContain(`| onnxruntime | ${shown('onnxruntime', 'its own')[0]} | |`);
  const decision = readFileSync(new URL('../../decisions/014-roi-align-as-products.md', import.meta.url), 'utf8');
  for (const [kernels, label] of [['stock', 'stock'], ['compiled', 'compiled kernels']] as const) {
    const [ours, samples] = [shown('alignBoxes', kernels), shown('bilinearSample', kernels)];
    expect(decision).toContain(`| ${label}, output | ${ours[0]} | ${samples[0]} |`);
    expect(decision).toContain(`| ${label}, with the gradient | ${ours[1]} | ${samples[1]} |`);
  }
});

test.each([['peers-infer', 'onnx'], ['peers-infer-more', 'onnx'], ['peers-train', 'train'], ['peers-train-32', 'train']])('%s is what its pairs of runs say, and the README has no other figures', (name, where) => {
  const { runs, summary } = JSON.parse(readFileSync(new URL(`results/${name}.json`, import.meta.url), 'utf8')) as { runs: Run[]; summary: { rows: unknown; means: unknown } };
  const rows = runs.map(rowOf);
  expect(summary.rows).toEqual(rows);
  expect(summary.means).toEqual(meansOf(runs));
  const text = readme(where);
  for (const row of rows) expect(text).toContain(`| ${row.model} | ${row.threads} | ${row.peer} | ${row['peer ms']} | ${row['our ms']} | ${row['peer / ours']} |`);
});

test('what is left of a training step is what its profile says', () => {
  const { runs, summary } = JSON.parse(readFileSync(new URL('results/training-step.json', import.meta.url), 'utf8')) as { runs: Parameters<typeof profileRow>[0][]; summary: { milliseconds: number; peak: Parameters<typeof profileRow>[2] } };
  expect(runs.reduce((sum, { milliseconds }) => sum + milliseconds, 0)).toBeCloseTo(summary.milliseconds, 6);
  const text = readFileSync(new URL('../../decisions/011-blocks-in-training.md', import.meta.url), 'utf8');
  for (const row of runs.filter(({ milliseconds }) => milliseconds > 0.01 * summary.milliseconds)) expect(text).toContain(profileRow(row, summary.milliseconds, summary.peak));
});

test('steps of plain networks with tfjs-extras are the medians of their runs', () => {
  const { runs, summary } = JSON.parse(readFileSync(new URL('results/extras-training.json', import.meta.url), 'utf8')) as { runs: { network: string; subject: string; milliseconds: number[] }[]; summary: Record<string, Record<string, number>> };
  for (const { network, subject, milliseconds } of runs) {
    const sorted = [...milliseconds].sort((a, b) => a - b);
    expect(summary[network]![subject]).toBe(sorted[Math.floor(sorted.length / 2)]);
  }
  const shown = (milliseconds: number) => milliseconds.toFixed(milliseconds < 100 ? 1 : 0);
  const [first, second] = Object.values(summary);
  for (const subject of Object.keys(first!)) expect(readme('tfjs-extras')).toContain(`| ${subject} | ${shown(first![subject]!)} | ${shown(second![subject]!)} |`);
});
