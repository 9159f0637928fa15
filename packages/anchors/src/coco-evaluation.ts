/** Mean average precision by the rules of COCO (pycocotools/cocoeval.py). */
import { averagePrecision } from './average-precision.js';
import { at, boxAreas, boxAt, type Boxes } from './boxes.js';
import { checkSets, groupByClass, type ClassInImage, type DetectionSet, type TruthSet } from './evaluation-set.js';
import { meanOf, pickBoxes } from './voc-evaluation.js';

/** Areas in pixels, from and to, both included. */
export const COCO_AREAS = { all: [0, 1e10], small: [0, 32 ** 2], medium: [32 ** 2, 96 ** 2], large: [96 ** 2, 1e10] } as const;
type AreaName = keyof typeof COCO_AREAS;

/** .50, .55, ..., .95. */
export const COCO_THRESHOLDS: readonly number[] = Array.from({ length: 10 }, (_, i) => (50 + 5 * i) / 100);

/** One line of the table: means over the thresholds; NaN for a class that has no objects. */
export interface CocoClass {
  class: number;
  averagePrecision: number;
  averagePrecision50: number;
  averagePrecision75: number;
  /** Recall with 100 detections an image. */
  averageRecall: number;
  /** Objects that had to be found. */
  truths: number;
}

/** The twelve numbers of COCO, and the table; NaN where there are no objects (COCO: -1). */
export interface CocoEvaluation {
  /** AP: the mean over ten thresholds and all classes that have objects. */
  meanAveragePrecision: number;
  /** At IoU .50 and at .75. */
  meanAveragePrecision50: number;
  meanAveragePrecision75: number;
  /** AP of objects below 32², between 32² and 96², and above. */
  meanAveragePrecisionByArea: Record<Exclude<AreaName, 'all'>, number>;
  /** AR with at most 1, 10 and 100 detections an image. */
  meanAverageRecall: Record<1 | 10 | 100, number>;
  /** AR, 100 detections, by area. */
  meanAverageRecallByArea: Record<Exclude<AreaName, 'all'>, number>;
  classes: CocoClass[];
}

/** IoU; with a crowd the share of the detection that lies in it. */
function overlapWith(detection: Boxes, truth: Boxes, isCrowd: boolean): number {
  const [ax1, ay1, ax2, ay2] = boxAt(detection, 0);
  const [bx1, by1, bx2, by2] = boxAt(truth, 0);
  const shared = Math.max(Math.min(ax2, bx2) - Math.max(ax1, bx1), 0) * Math.max(Math.min(ay2, by2) - Math.max(ay1, by1), 0);
  if (shared === 0) return 0;
  const area = (ax2 - ax1) * (ay2 - ay1);
  return shared / (isCrowd ? area : area + (bx2 - bx1) * (by2 - by1) - shared);
}

/** Precision and recall of a class: hits by score, and the objects that had to be found. */
interface Judged {
  hits: boolean[];
  truths: number;
}

/**
 * COCO's evaluation. In each image the detections of a class, best first and at most so many, each take the object they overlap most among those that
 * are not taken, by at least the threshold. Objects that are ignored, or whose area is out of range, come last and count neither way,
 * and neither does a detection out of range that found nothing; crowds (`ignored`) may be found many times.
 * @throws OptionError for lists of different lengths.
 */
export function evaluateCoco(detections: DetectionSet, truths: TruthSet): CocoEvaluation {
  checkSets('evaluateCoco', detections, truths);
  const found = boxAreas(detections.boxes);
  const areas = truths.areas ?? boxAreas(truths.boxes);
  const isCrowd = (truth: number) => truths.ignored?.[truth] === 1;
  const isWithin = (area: number, [from, to]: readonly [number, number]) => area >= from && area <= to;

  const judgeImage = ({ detections: all, truths: there }: ClassInImage, overlaps: readonly (readonly number[])[], range: readonly [number, number], threshold: number, limit: number) => {
    const isIgnored = there.map((truth) => isCrowd(truth) || !isWithin(at(areas, truth), range));
    const order = [...there.keys()].sort((i, j) => Number(isIgnored[i]) - Number(isIgnored[j]) || i - j);
    const isTaken = new Set<number>();
    const judged = all.slice(0, limit).flatMap((detection, row): [number, boolean][] => {
      let best = -1;
      let most = Math.min(threshold, 1 - 1e-10);
      for (const place of order) {
        if (isTaken.has(place) && !isCrowd(there[place] as number)) continue;
        // What counts is better than what does not, however much that overlaps.
        if (best >= 0 && !isIgnored[best] && isIgnored[place]) break;
        const overlap = overlaps[row]?.[place] as number;
        if (overlap < most) continue;
        most = overlap;
        best = place;
      }
      if (best < 0) return isWithin(at(found, detection), range) ? [[detection, false]] : [];
      isTaken.add(best);
      return isIgnored[best] ? [] : [[detection, true]];
    });
    return { judged, truths: isIgnored.filter((ignored) => !ignored).length };
  };

  const tables = [...groupByClass(detections, truths)].map(([name, images]) => {
    const cells = [...images.values()].map((image) => ({
      image,
      overlaps: image.detections.slice(0, 100).map((d) => image.truths.map((t) => overlapWith(pickBoxes(detections.boxes, [d]), pickBoxes(truths.boxes, [t]), isCrowd(t)))),
    }));
    const judge = (area: AreaName, threshold: number, limit: number): Judged => {
      const parts = cells.map(({ image, overlaps }) => judgeImage(image, overlaps, COCO_AREAS[area], threshold, limit));
      const judged = parts.flatMap((part) => part.judged).sort(([i], [j]) => at(detections.scores, j) - at(detections.scores, i) || i - j);
      return { hits: judged.map(([, isHit]) => isHit), truths: parts.reduce((sum, part) => sum + part.truths, 0) };
    };
    const precision = ({ hits, truths: count }: Judged) => averagePrecision(hits, count, 'coco');
    const recall = ({ hits, truths: count }: Judged) => (count === 0 ? Number.NaN : hits.filter(Boolean).length / count);
    const over = (measure: (judged: Judged) => number, area: AreaName, limit: number) => meanOf(COCO_THRESHOLDS.map((threshold) => measure(judge(area, threshold, limit))));
    const byArea = (measure: (judged: Judged) => number) => ({ small: over(measure, 'small', 100), medium: over(measure, 'medium', 100), large: over(measure, 'large', 100) });
    const row: CocoClass = {
      class: name,
      averagePrecision: over(precision, 'all', 100),
      averagePrecision50: precision(judge('all', 0.5, 100)),
      averagePrecision75: precision(judge('all', 0.75, 100)),
      averageRecall: over(recall, 'all', 100),
      truths: judge('all', 0.5, 100).truths,
    };
    return { row, precisions: byArea(precision), recalls: byArea(recall), limited: { 1: over(recall, 'all', 1), 10: over(recall, 'all', 10) } };
  });

  const mean = (read: (table: (typeof tables)[number]) => number) => meanOf(tables.map(read));
  return {
    meanAveragePrecision: mean(({ row }) => row.averagePrecision),
    meanAveragePrecision50: mean(({ row }) => row.averagePrecision50),
    meanAveragePrecision75: mean(({ row }) => row.averagePrecision75),
    meanAveragePrecisionByArea: { small: mean(({ precisions }) => precisions.small), medium: mean(({ precisions }) => precisions.medium), large: mean(({ precisions }) => precisions.large) },
    meanAverageRecall: { 1: mean(({ limited }) => limited[1]), 10: mean(({ limited }) => limited[10]), 100: mean(({ row }) => row.averageRecall) },
    meanAverageRecallByArea: { small: mean(({ recalls }) => recalls.small), medium: mean(({ recalls }) => recalls.medium), large: mean(({ recalls }) => recalls.large) },
    classes: tables.map(({ row }) => row),
  };
}
