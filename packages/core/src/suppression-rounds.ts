import * as tf from '@tensorflow/tfjs-core';
import type { OpAttributes } from './lowering.js';

/** The score of what does not count, or no more. Finite: a GPU need not know infinity. */
const NONE = -3e38;

/** The columns of [N, M, K], [N, M] each. */
const columnsOf = (x: tf.Tensor) => tf.unstack(x, -1);

/** The best scores of each class, in [N, K C] class by class, and the box that each is of. */
function candidatesOf(scores: tf.Tensor3D, { scoreThreshold, candidates }: OpAttributes['nonMaxSuppression']): { left: tf.Tensor2D; boxes: tf.Tensor2D } {
  const [n, rows, kinds] = scores.shape;
  const byClass = tf.transpose(scores, [0, 2, 1]);
  const counted = tf.where(tf.greater(byClass, scoreThreshold), byClass, NONE);
  const { values, indices } = tf.topk(counted, Math.min(candidates, rows), true);
  const flat = [n, kinds * Math.min(candidates, rows)] as [number, number];
  return { left: tf.reshape(values, flat), boxes: tf.reshape(indices, flat) };
}

/**
 * Greedy suppression in tensors alone, for a backend that cannot be read at once: `limit` rounds, each of which takes the best box that is
 * left and all of its class that it overlaps too much. Which of two equal scores comes first is the backend's affair.
 * @param boxes [N, R, 4]; @param scores [N, R, K]. @returns [N, limit, 6] as `suppressedBoxes` has it.
 */
export function suppressInRounds(boxes: tf.Tensor3D, scores: tf.Tensor3D, attributes: OpAttributes['nonMaxSuppression']): tf.Tensor3D {
  const { threshold, limit } = attributes;
  const [n, rows, kinds] = scores.shape;
  if (n === 0) return tf.zeros([0, limit, 6]);
  return tf.tidy(() => {
    const { left: start, boxes: which } = candidatesOf(scores, attributes);
    const most = start.shape[1];
    const images = tf.expandDims(tf.range(0, n, 1, 'int32'), 1);
    const corners = tf.gather(tf.reshape(boxes, [n * rows, 4]), tf.reshape(tf.add(which, tf.mul(images, tf.scalar(rows, 'int32'))), [-1]) as tf.Tensor1D);
    const kind = tf.tensor2d(Float32Array.from({ length: most }, (_, i) => Math.floor(i / (most / kinds))), [1, most]);
    const table = tf.concat([corners, tf.reshape(start, [-1, 1]), tf.reshape(tf.tile(kind, [n, 1]), [-1, 1])], 1);
    const [x1, y1, x2, y2] = columnsOf(tf.reshape(corners, [n, most, 4])) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    const areaOf = (left: tf.Tensor, top: tf.Tensor, right: tf.Tensor, bottom: tf.Tensor) => tf.mul(tf.relu(tf.sub(right, left)), tf.relu(tf.sub(bottom, top)));
    const areas = areaOf(x1, y1, x2, y2);
    const places = tf.expandDims(tf.range(0, most, 1, 'int32'), 0);
    const empty = tf.tensor2d([[0, 0, 0, 0, 0, -1]]);

    const found: tf.Tensor[] = [];
    let left: tf.Tensor = start;
    for (let round = 0; round < limit; round++) {
      const [row, rest] = tf.tidy(() => {
        const place = tf.expandDims(tf.argMax(left, 1), 1);
        const best = tf.gather(table, tf.reshape(tf.add(place, tf.mul(images, tf.scalar(most, 'int32'))), [-1]) as tf.Tensor1D);
        const [bx1, by1, bx2, by2, , bestKind] = columnsOf(best).map((column) => tf.expandDims(column, 1)) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
        const shared = areaOf(tf.maximum(x1, bx1), tf.maximum(y1, by1), tf.minimum(x2, bx2), tf.minimum(y2, by2));
        const union = tf.sub(tf.add(areas, areaOf(bx1, by1, bx2, by2)), shared);
        // Where nothing is shared the union may be empty too.
        const covered = tf.greater(tf.div(shared, tf.maximum(union, 1e-37)), threshold);
        const gone = tf.logicalOr(tf.logicalAnd(covered, tf.equal(kind, bestKind)), tf.equal(places, place));
        const isThere = tf.greater(tf.max(left, 1, true), NONE / 2);
        return [tf.where(isThere, best, empty), tf.where(gone, NONE, left)] as [tf.Tensor, tf.Tensor];
      });
      if (left !== start) left.dispose();
      left = rest;
      found.push(tf.expandDims(row, 1));
      row.dispose();
    }
    return tf.concat(found, 1) as tf.Tensor3D;
  });
}
