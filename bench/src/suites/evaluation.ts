import type { Trainer } from '@convkit/train';
import type { TrainingBatch } from './training-data.js';

/** Mean cross-entropy in nats and percent right. */
export interface Evaluation {
  readonly loss: number;
  readonly top1: number;
}

/** Reads labelled images with the trainer's weights as they are, without training. */
export async function evaluate(trainer: Pick<Trainer, 'predict'>, batches: Iterable<TrainingBatch>): Promise<Evaluation> {
  let [right, loss, count] = [0, 0, 0];
  for (const { images, labels, size } of batches) {
    const logits = await trainer.predict(images, size);
    const classes = logits.length / size;
    labels.forEach((label, n) => {
      const row = logits.subarray(n * classes, (n + 1) * classes);
      const largest = row.reduce((most, value) => Math.max(most, value), -Infinity);
      loss += largest + Math.log(row.reduce((sum, value) => sum + Math.exp(value - largest), 0)) - (row[label] ?? Number.NaN);
      // The first of equals, as an arg max takes it.
      if (row.indexOf(largest) === label) right++;
    });
    count += size;
  }
  return { loss: loss / count, top1: (100 * right) / count };
}
