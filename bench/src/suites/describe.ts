import type { LayerProfile, Profile } from '@convkit/profile';
import type { RecordDraft } from '../records/schema.js';
import { openSubject, type Subject, type SubjectRef } from './subject.js';

/** The counting convention: multiply-adds of convolutions and dense products, no bias, batch norm folded. */
const CONVENTION = 'matmul-v1';

/** What a record says of its subject before anything runs. */
export interface Description {
  readonly subject: RecordDraft['subject'];
  readonly input: RecordDraft['input'];
  readonly cost: NonNullable<RecordDraft['cost']>;
}

/** A subject's family and everything that can be counted of it. */
export interface ProfiledSubject {
  readonly family: string;
  readonly profile: Profile;
}

/** Builds the subject with zero weights, traces it, and lets `@convkit/profile` do the sums. */
export async function profileSubject(ref: SubjectRef): Promise<ProfiledSubject> {
  const subject = await openSubject(ref);
  return { family: subject.family, profile: await count(subject, ref) };
}

/** What a record says of a subject. `batch` and `seed` are those of the run that the record is about. */
export async function describeSubject(ref: SubjectRef, options: { layers?: boolean; batch?: number; seed?: number } = {}): Promise<Description> {
  const subject = await openSubject(ref);
  const counted = await count(subject, ref);
  const [height = 1, width = 1, channels = 1] = counted.input;
  return {
    subject: {
      arch: subject.family,
      variant: subject.variant,
      ...(subject.paper === undefined ? {} : { paper: { ...subject.paper } }),
      config: { ...subject.config },
      params: { trainable: counted.params, nonTrainable: counted.runningStats, bytes: counted.weightsBytes },
      receptiveField: counted.receptiveField,
    },
    input: {
      shape: [options.batch ?? 1, height, width, channels],
      dtype: 'float32',
      ...(counted.classes === null ? {} : { classes: counted.classes }),
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

async function count(subject: Subject, { inputShape }: SubjectRef): Promise<Profile> {
  const { profile } = await import('@convkit/profile');
  const model = await subject.build({ initialWeights: 'zeros' });
  try {
    return profile(model, { model: subject.variant, ...(inputShape === undefined ? {} : { inputShape }) });
  } finally {
    model.dispose();
  }
}

function costLayer(layer: LayerProfile): NonNullable<Description['cost']['layers']>[number] {
  const withoutBatch = (shape: readonly (number | null)[]): number[] => shape.slice(1).map((size) => size ?? 0);
  return {
    name: layer.name, type: layer.type, inShape: withoutBatch(layer.inputShape), outShape: withoutBatch(layer.outputShape),
    params: layer.params, macs: layer.macs, elementwiseOps: layer.allOps - layer.flops, activationBytes: layer.outputBytes,
  };
}
