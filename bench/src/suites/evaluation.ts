import { softmaxRows, Tally, type Scores } from '@convkit/evaluation';
import type { Trainer } from '@convkit/train';
import type { TrainingBatch } from './training-data.js';

/** Mean cross-entropy in nats and percent right. */
export type Evaluation = Pick<Scores, 'loss' | 'top1'>;

/** Reads labelled images with the trainer's weights as they are, without training. */
export async function evaluate(trainer: Pick<Trainer, 'predict'>, batches: Iterable<TrainingBatch>): Promise<Evaluation> {
  const tally = new Tally();
  for (const { images, labels, size } of batches) {
    const logits = await trainer.predict(images, size);
    tally.add(softmaxRows(logits, logits.length / size), labels);
  }
  const { loss, top1 } = tally.scores();
  return { loss, top1 };
}
