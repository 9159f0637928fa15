import { basename } from 'node:path';
import { useBackend } from '../engines/backends.js';
import { EXIT } from '../errors.js';
import type { ParityEngine } from '../parity/engine.js';
import { readFixture, type Check, type OperatorsFixture } from '../parity/fixture.js';
import { inferChecks } from '../parity/infer.js';
import { operatorOutcome } from '../parity/operators.js';
import { trainChecks } from '../parity/train.js';

/** What a network or an operator came to: the comparison that lies nearest to (or farthest above) its limit. */
export interface ParityResult {
  file: string;
  /** The network, or the operator's case. */
  model: string;
  source: string;
  format: string;
  passed: boolean;
  /** Largest relative error of any comparison. */
  error: number;
  worst: Check;
  checks: number;
}

/** A recorded operator that convkit does not have. */
export interface NotCovered {
  file: string;
  format: string;
  /** The operator's name in the fixture, `grid_sample`. */
  operator: string;
  cases: string[];
  /** Whether the caller expected it. */
  expected: boolean;
}

export interface ParityOptions {
  json: boolean;
  /** Operators that convkit may lack without the comparison failing. */
  without: readonly string[];
  /** What runs networks. Default 'wasm'. */
  engine?: ParityEngine;
}

const excess = ({ error, limit }: Check) => (Number.isFinite(error) ? error / (limit || Number.MIN_VALUE) : Number.POSITIVE_INFINITY);

function resultOf(about: Pick<ParityResult, 'file' | 'model' | 'source' | 'format'>, checks: readonly Check[]): ParityResult {
  return {
    ...about,
    passed: checks.every(({ error, limit }) => error <= limit),
    error: Math.max(...checks.map(({ error }) => error)),
    worst: checks.reduce((a, b) => (excess(b) > excess(a) ? b : a)),
    checks: checks.length,
  };
}

function compareOperators(file: string, { format, computed, cases }: OperatorsFixture, without: readonly string[]): { results: ParityResult[]; missing: NotCovered[] } {
  const results: ParityResult[] = [];
  const missing = new Map<string, NotCovered>();
  for (const entry of cases) {
    const outcome = operatorOutcome(entry);
    if ('checks' in outcome) results.push(resultOf({ file, model: entry.name, source: computed, format }, outcome.checks));
    else {
      const operator = outcome.lacks;
      const names = missing.get(operator)?.cases ?? [];
      missing.set(operator, { file, format, operator, cases: [...names, entry.name], expected: without.includes(operator) });
    }
  }
  return { results, missing: [...missing.values()] };
}

const scientific = (error: number) => error.toExponential(2);

function line({ file, model, format, passed, checks, error, worst }: ParityResult): string {
  const verdict = passed ? 'ok  ' : 'FAIL';
  const detail = passed && error === worst.error ? worst.name : `nearest its limit: ${worst.name} ${worst.error.toExponential(1)} of ${worst.limit}`;
  if (format === 'parity-ops/1') return `${verdict} ${model}: ${checks} comparisons, largest relative error ${scientific(error)} (${detail})`;
  return `${verdict} ${file}\n     ${checks} comparisons, largest relative error ${scientific(error)} (${detail})`;
}

const missingLine = ({ operator, cases, expected }: NotCovered) => `${expected ? 'none' : 'FAIL'} ${operator} is not covered (${cases.join(', ')})`;

/**
 * Compares networks and operators with the recorded values of other frameworks, on `engine`; operators on wasm where that is onnxruntime.
 * @returns What to print, and the exit code: 1 when something is above its tolerance, or an operator is not there and
 *   not named in `without`.
 */
export async function runParity(files: readonly string[], { json, without, engine = 'wasm' }: ParityOptions): Promise<{ text: string; exitCode: number }> {
  await useBackend(engine === 'onnxruntime' ? 'wasm' : engine);
  const results: ParityResult[] = [];
  const missing: NotCovered[] = [];
  for (const path of files) {
    const fixture = await readFixture(path);
    const file = basename(path);
    if (fixture.format === 'parity-ops/1') {
      const compared = compareOperators(file, fixture, without);
      results.push(...compared.results);
      missing.push(...compared.missing);
    } else {
      const checks = fixture.format === 'parity-infer/1' ? await inferChecks(fixture, engine) : await trainChecks(fixture, engine);
      results.push(resultOf({ file, model: fixture.model, source: fixture.source, format: fixture.format }, checks));
    }
  }
  const failed = results.filter(({ passed }) => !passed).length;
  const unexpected = missing.filter(({ expected }) => !expected).length;
  const notCovered = missing.length > 0 ? [`${missing.reduce((sum, { cases }) => sum + cases.length, 0)} not covered: ${missing.map(({ operator }) => operator).join(', ')}`] : [];
  const summary = [`${results.length - failed} of ${results.length} within tolerance`, ...notCovered].join('; ');
  const text = json ? JSON.stringify({ results, notCovered: missing }, undefined, 2) : [...results.map(line), ...missing.map(missingLine), summary].join('\n');
  return { text, exitCode: failed + unexpected > 0 ? EXIT.failed : EXIT.done };
}
