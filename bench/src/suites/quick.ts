import { chooseEngines } from '../engines/catalog.js';
import { DEFAULT_RECIPE, measureAccuracy, QUICK_MODELS, type AccuracyPlan } from './accuracy.js';
import type { SuiteContext } from './context.js';
import { measureCost } from './cost.js';
import type { SuiteReport } from './report.js';
import { trainingEngine } from './training-engine.js';
import { measureSpeed, QUICK_DESIGN, SPEED_HANDFUL } from './speed.js';

/** What the quick benchmark found. */
export interface QuickReports {
  readonly cost: SuiteReport;
  readonly speed: SuiteReport;
  readonly accuracy: SuiteReport;
}

/** Sizes that train to something worth looking at in about a minute a model on one core. */
const QUICK_DATA = { trainSize: 6000, validationSize: 1000, testSize: 2000 } as const;

/**
 * Everything once, small: the cost of every architecture, the speed of a handful, a short training of three small models on
 * real images where they can be had. Each record says that it is a quick one.
 */
export async function runQuickBenchmark(context: SuiteContext): Promise<QuickReports> {
  const { familyEntries } = await import('./selection.js');
  const cost = await measureCost((await familyEntries()).map(({ id }) => ({ name: id })), { layers: false }, context);
  const { engines, because } = await chooseEngines(['auto']);
  if (because !== undefined) context.emit({ type: 'note', line: because });
  const plan = { ...QUICK_DESIGN, engines: engines.map(({ id }) => id), batch: 1, seed: 1, warmUpMs: 1000 };
  const speed = await measureSpeed(SPEED_HANDFUL.map((name) => ({ name })), plan, context);
  // Last: training uses every core, and timings want a quiet machine.
  const accuracy = await measureAccuracy(QUICK_MODELS.map((name) => ({ name })), await quickTraining(context), context);
  return { cost, speed, accuracy };
}

async function quickTraining({ emit, signal }: SuiteContext): Promise<AccuracyPlan> {
  const { availableParallelism } = await import('node:os');
  const { loadDataset } = await import('@convkit/data/node');
  const dataset = await loadDataset('auto', { signal });
  // The compiled engine where it is installed: it trains many times faster than wasm.
  const engine = await trainingEngine('auto');
  emit({ type: 'note', line: dataset.note ?? `training on ${dataset.name} with ${engine}` });
  return {
    data: { name: 'auto', ...QUICK_DATA },
    inputShape: dataset.imageShape, classes: dataset.classNames.length, recipe: { ...DEFAULT_RECIPE, epochs: 3 }, seeds: [1], engine,
    concurrency: Math.max(1, Math.min(QUICK_MODELS.length, availableParallelism())),
  };
}
