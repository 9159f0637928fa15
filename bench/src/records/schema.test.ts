import { describe, expect, it } from 'vitest';
import { recordId } from './identity.js';
import { sampleAccuracy, sampleCost, sampleSpeed } from './sample-record.js';
import { parseRecord, SCHEMA_VERSION, type RecordDraft } from './schema.js';

function problemsOf(draft: unknown): string {
  const parsed = parseRecord({ ...(draft as RecordDraft), id: 'a'.repeat(64) });
  return parsed.ok ? '' : parsed.problems.map(({ path, message }) => `${path}: ${message}`).join('\n');
}

describe('a result record', () => {
  it.each([sampleCost, sampleSpeed, sampleAccuracy])('of each kind validates', (sample) => {
    expect(problemsOf(sample())).toBe('');
  });

  it('has an id that does not depend on the order of its keys', () => {
    const draft = sampleCost();
    const turned = Object.fromEntries(Object.entries(draft).reverse()) as RecordDraft;
    expect(recordId(turned)).toBe(recordId(draft));
  });

  it('is refused when flops are not twice the macs', () => {
    const draft = sampleCost();
    draft.cost!.flops += 1;
    expect(problemsOf(draft)).toContain('flops must be exactly 2 x macs');
  });

  it('is refused when its headline was edited', () => {
    const draft = sampleSpeed();
    draft.speed!.ratio.median *= 0.99;
    expect(problemsOf(draft)).toContain('ratio.median must follow from the raw samples');
  });

  it('is refused when the mean accuracy is not that of its seeds', () => {
    const draft = sampleAccuracy();
    draft.accuracy!.top1!.mean = 91;
    expect(problemsOf(draft)).toContain('top1.mean must be the mean');
  });

  it.each([
    ['accuracy above 100', () => { const d = sampleAccuracy(); d.accuracy!.perSeed[0]!.top1 = 102; return d; }, 'top1'],
    ['a negative time', () => { const d = sampleSpeed(); d.speed!.cold.first = -1; return d; }, 'speed.cold.first'],
    ['null for a number', () => { const d = sampleSpeed(); Object.assign(d.speed!.absolute, { p50: null }); return d; }, 'speed.absolute.p50'],
    ['the text NaN for a number', () => { const d = sampleCost(); Object.assign(d.cost!, { activations: 'NaN' }); return d; }, 'cost.activations'],
    ['an infinite number', () => { const d = sampleSpeed(); d.speed!.absolute.p50 = Infinity; return d; }, 'speed.absolute.p50'],
    ['missing samples', () => { const d = sampleSpeed(); d.speed!.samples = []; return d; }, 'speed.samples'],
    ['an unknown field', () => ({ ...sampleCost(), rank: 1 }), 'rank'],
    ['a local date', () => ({ ...sampleCost(), created: '2026-01-02T03:04:05.678+02:00' }), 'created'],
    ['an ok record without its group', () => ({ ...sampleCost(), cost: undefined }), 'own group'],
    ['a failed record without a reason', () => ({ ...sampleCost(), status: 'crashed' }), 'failure'],
  ])('is refused with %s', (_, make, where) => {
    expect(problemsOf(make())).toContain(where);
  });

  it('of a newer schema is refused with both versions', () => {
    expect(problemsOf({ ...sampleCost(), schema: SCHEMA_VERSION + 1 })).toContain(
      `schema version ${SCHEMA_VERSION + 1} is newer than ${SCHEMA_VERSION}`,
    );
  });

  it('of a diverged run needs no accuracy and holds no null', () => {
    const draft = sampleAccuracy();
    draft.status = 'diverged';
    draft.failure = { message: 'the loss was NaN in epoch 1', log: [] };
    draft.accuracy!.top1 = undefined;
    draft.accuracy!.perSeed = [{ ...draft.accuracy!.perSeed[0]!, status: 'diverged', divergedAt: 1, top1: undefined }];
    expect(problemsOf(draft)).toBe('');
    expect(JSON.stringify(draft)).not.toContain('null');
  });
});
