import { OptionError } from '@convkit/core';

/** What is told of a classifier on labelled images. */
export interface Scores {
  /** Images. */
  readonly size: number;
  /** Mean of -log p(label), in nats. */
  readonly loss: number;
  /** Percent whose label has the largest posterior. */
  readonly top1: number;
  /** Percent whose label is among the five largest. */
  readonly top5: number;
}

/** Softmax over rows of `classes` logits, [N, K] -> [N, K], in double precision. */
export function softmaxRows(logits: ArrayLike<number>, classes: number): Float64Array {
  const rows = Float64Array.from(logits);
  for (let start = 0; start < rows.length; start += classes) {
    const row = rows.subarray(start, start + classes);
    const largest = row.reduce((most, value) => Math.max(most, value), -Infinity);
    let sum = 0;
    row.forEach((value, k) => { sum += row[k] = Math.exp(value - largest); });
    row.forEach((value, k) => { row[k] = value / sum; });
  }
  return rows;
}

/** Counts a classifier's hits over batches. Of equal posteriors the first class is taken for the larger, as an arg max does. */
export class Tally {
  private size = 0;
  private loss = 0;
  private first = 0;
  private five = 0;

  /**
   * Adds a batch: posteriors [N, K] and the class of each image.
   * @throws OptionError for a label that is no class, and for posteriors that are not one row a label.
   */
  add(posteriors: ArrayLike<number>, labels: ArrayLike<number>): this {
    const classes = posteriors.length / labels.length;
    if (!Number.isInteger(classes)) throw new OptionError('Tally', 'posteriors', posteriors.length, `one row for each of the ${labels.length} labels`);
    for (let n = 0; n < labels.length; n++) {
      const label = labels[n] as number;
      if (!Number.isInteger(label) || label < 0 || label >= classes) throw new OptionError('Tally', `labels[${n}]`, label, `a class from 0 to ${classes - 1}`);
      const own = posteriors[n * classes + label] as number;
      let before = 0;
      for (let k = 0; k < classes; k++) {
        const other = posteriors[n * classes + k] as number;
        // Written so that posteriors that are no numbers are never right.
        if (k !== label && !(other < own || (other === own && k > label))) before++;
      }
      // A posterior that underflowed has some finite loss: that of the smallest double.
      this.loss -= Math.log(Number.isNaN(own) ? own : Math.max(own, Number.MIN_VALUE));
      if (before < 1 && !Number.isNaN(own)) this.first++;
      if (before < 5 && !Number.isNaN(own)) this.five++;
    }
    this.size += labels.length;
    return this;
  }

  /** Of all batches so far; numbers of nothing are NaN. */
  scores(): Scores {
    const { size } = this;
    return { size, loss: this.loss / size, top1: (100 * this.first) / size, top5: (100 * this.five) / size };
  }
}
