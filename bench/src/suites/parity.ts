import { basename } from 'node:path';
import { useBackend } from '../engines/tfjs.js';
import { EXIT } from '../errors.js';
import { readFixture, type Check } from '../parity/fixture.js';
import { inferChecks } from '../parity/infer.js';
import { trainChecks } from '../parity/train.js';

/** What a fixture came to: the comparison that lies nearest to (or farthest above) its limit. */
export interface ParityResult {
  file: string;
  model: string;
  source: string;
  format: string;
  passed: boolean;
  /** Largest relative error of any comparison. */
  error: number;
  worst: Check;
  checks: number;
}

const excess = ({ error, limit }: Check) => (Number.isFinite(error) ? error / (limit || Number.MIN_VALUE) : Number.POSITIVE_INFINITY);

async function compareFixture(file: string): Promise<ParityResult> {
  const fixture = await readFixture(file);
  const checks = fixture.format === 'parity-infer/1' ? await inferChecks(fixture) : await trainChecks(fixture);
  const worst = checks.reduce((a, b) => (excess(b) > excess(a) ? b : a));
  return {
    file: basename(file),
    model: fixture.model,
    source: fixture.source,
    format: fixture.format,
    passed: checks.every(({ error, limit }) => error <= limit),
    error: Math.max(...checks.map(({ error }) => error)),
    worst,
    checks: checks.length,
  };
}

function line({ file, passed, checks, error, worst }: ParityResult): string {
  const detail = passed && error === worst.error ? worst.name : `nearest its limit: ${worst.name} ${worst.error.toExponential(1)} of ${worst.limit}`;
  return `${passed ? 'ok  ' : 'FAIL'} ${file}\n     ${checks} comparisons, largest relative error ${error.toExponential(2)} (${detail})`;
}

/**
 * Compares networks with the recorded outputs of other frameworks, on the wasm backend.
 * @returns What to print, and the exit code: 1 when a fixture is above its tolerance.
 */
export async function runParity(files: readonly string[], { json }: { json: boolean }): Promise<{ text: string; exitCode: number }> {
  await useBackend('wasm');
  const results: ParityResult[] = [];
  for (const file of files) results.push(await compareFixture(file));
  const failed = results.filter(({ passed }) => !passed).length;
  const summary = `${results.length - failed} of ${results.length} fixtures within tolerance`;
  const text = json ? JSON.stringify(results, undefined, 2) : [...results.map(line), summary].join('\n');
  return { text, exitCode: failed > 0 ? EXIT.failed : EXIT.done };
}
