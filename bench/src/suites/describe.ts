import type { RecordDraft } from '../records/schema.js';
import { openSubject, type SubjectRef } from './subject.js';

/** The counting convention: multiply-adds of convolutions and dense products, no bias, batch norm folded. */
export const CONVENTION = 'matmul-v1';

/** What a record says of its subject before anything runs. */
export interface Description {
  readonly subject: RecordDraft['subject'];
  readonly input: RecordDraft['input'];
  readonly cost: NonNullable<RecordDraft['cost']>;
}

/** Counts a subject: builds it with zero weights, traces it, and lets `@convkit/profile` do the sums. */
export async function describeSubject(ref: SubjectRef, options: { layers?: boolean; batch?: number; seed?: number } = {}): Promise<Description> {
  const subject = await openSubject(ref);
  const model = await subject.build({ initialWeights: 'zeros' });
  const { profile } = await import('@convkit/profile');
  const counted = profile(model, { model: subject.variant, ...(ref.inputShape === undefined ? {} : { inputShape: [...ref.inputShape] }) });
  model.dispose();
  const parameters = counted.params + counted.runningStats;
  return {
    subject: {
      arch: subject.family,
      variant: subject.variant,
      ...(subject.paper === undefined ? {} : { paper: subject.paper }),
      config: { ...subject.config },
      params: { trainable: counted.params, nonTrainable: counted.runningStats, bytes: 4 * parameters },
      receptiveField: counted.receptiveField,
    },
    input: {
      shape: [options.batch ?? 1, ...counted.input],
      dtype: 'float32',
      classes: counted.classes,
      ...(options.seed === undefined ? {} : { seed: options.seed }),
    },
    cost: {
      convention: CONVENTION,
      macs: counted.macs,
      flops: counted.flops,
      allOps: counted.allOps,
      activations: counted.activations,
      activationBytes: counted.activationBytes,
      peakActivationBytes: counted.peakActivationBytes,
      weightsBytes: counted.weightsBytes,
      arithmeticIntensity: counted.arithmeticIntensity,
      ...(options.layers === true ? { layers: counted.layers.map(costLayer) } : {}),
    },
  };
}
