import type { ResultRecord } from '@convkit/bench/records';
import { facts, h, name } from './dom.js';
import { duration, exact, percent, plain, scaled, significant } from './format.js';
import { dataOf, machineOf, testOf, type Accuracy, type Speed } from './groups.js';
import { seeds } from './metrics.js';

type Samples = Speed['samples'];

/** The heading, verdict, figures and raw samples of a speed record. */
export function speedEvidence(record: ResultRecord, speed: Speed): HTMLElement[] {
  const { ratio, absolute, cold, design, aaFloor, rivals } = speed;
  return [
    h('h3', {}, name(`Speed on ${speed.engine}`), h('span', { class: 'note' }, name(`${testOf(speed).short}, ${machineOf(record).short}`))),
    verdict(speed),
    facts([
      ['Time ÷ reference', `${significant(ratio.median)} (95 %: ${interval(ratio.ci95)}, 99 %: ${interval(ratio.ci99)})`],
      ['Reference', name(`${speed.reference.id} v${speed.reference.version} on ${speed.reference.backend}`)],
      ['Time per image', `${plain(duration(absolute.p50))} (10 % to 90 %: ${plain(duration(absolute.p10))} to ${plain(duration(absolute.p90))})`],
      ['Build, first run, warm run', [cold.build, cold.first, cold.steady].map((time) => plain(duration(time))).join(', ')],
      ['Achieved', speed.achieved === undefined ? undefined : `${significant(speed.achieved)} GMAC/s`],
      ['Design', `${design.processes} fresh ${design.processes === 1 ? 'process' : 'processes'} × ${design.pairs} pairs, ${design.order}, seed ${design.seed}${design.quick ? ', quick' : ''}`],
      ...rivals.map((rival) => [`Against ${rival.engine}`, `${significant(rival.ratio.median)} × its time (95 %: ${interval(rival.ratio.ci95)})${rival.resolved ? '' : ', not resolved'}`] as const),
    ]),
    rawSamples('Raw samples', speed.samples),
    rawSamples('Identical code against itself', aaFloor.samples),
  ];
}

/** The heading, mean and seeds of an accuracy record. */
export function accuracyEvidence(accuracy: Accuracy): HTMLElement[] {
  const { top1, perSeed, dataset } = accuracy;
  const spread = top1?.sd === undefined ? 'one seed, so no spread is known' : `± ${top1.sd.toFixed(2)} (standard deviation)`;
  const between = top1?.ci95 === undefined ? undefined : `${top1.ci95[0].toFixed(2)} to ${top1.ci95[1].toFixed(2)} % (t-interval over seeds)`;
  const body = perSeed.map((run) =>
    h('tr', {}, h('td', {}, String(run.seed)), cell(run.top1), cell(run.valTop1), h('td', {}, plain(duration(run.trainSeconds * 1000))), h('td', {}, run.divergedAt === undefined ? run.status : `${run.status} at epoch ${run.divergedAt}`)),
  );
  return [
    h('h3', {}, name(`Accuracy on ${dataset.name}`), h('span', { class: 'note' }, seeds(accuracy))),
    top1 === undefined ? h('p', { class: 'verdict open' }, 'No seed finished.') : h('p', { class: 'verdict' }, h('strong', {}, `${top1.mean.toFixed(2)} %`), ` top-1 on ${exact(dataset.nTest)} test images, ${spread}.`),
    facts([
      ['95 % interval', between],
      ['Recipe', name(dataOf(accuracy).long)],
      ['Source', dataset.source === undefined ? undefined : name(dataset.source)],
      ['Reported weights', accuracy.selectedOn === 'last' ? 'the last epoch, as planned' : 'the best epoch on validation'],
      ['Training, all seeds', plain(duration(accuracy.trainSeconds * 1000))],
    ]),
    h('table', { class: 'seeds' },
      h('thead', {}, h('tr', {}, ...['Seed', 'Test %', 'Validation %', 'Training', 'Status'].map((title) => h('th', { scope: 'col' }, title)))),
      h('tbody', {}, ...body),
    ),
  ];
}

/** Whether the difference from the reference stands out of the noise. */
function verdict({ resolved, ratio, aaFloor, design }: Speed): HTMLElement {
  const floor = `identical code differed by up to ${percent(aaFloor.p95)} in the same run`;
  const quick = design.quick ? ' A quick run: fewer processes than the protocol asks for.' : '';
  if (!resolved) return h('p', { class: 'verdict open' }, h('strong', {}, 'Not resolved'), ` from the reference's time: ${floor}.${quick}`);
  const side = ratio.median < 1 ? 'faster' : 'slower';
  const factor = significant(ratio.median < 1 ? 1 / ratio.median : ratio.median);
  return h('p', { class: 'verdict' }, h('strong', {}, 'Resolved'), `: ${factor} times ${side} than the reference; ${floor}.${quick}`);
}

function rawSamples(title: string, samples: Samples): HTMLElement {
  const times = (values: readonly number[]): string => values.map((value) => significant(value, 4)).join(' ');
  const rows = samples.flatMap(({ pairs }, process) =>
    pairs.map(({ order, candidate, reference }) =>
      h('tr', {}, h('td', {}, String(process + 1)), h('td', {}, order), h('td', {}, times(candidate)), h('td', {}, times(reference)))),
  );
  const count = samples.reduce((sum, { pairs }) => sum + pairs.length, 0);
  return h('details', {},
    h('summary', {}, title, h('span', { class: 'note' }, `${plain(scaled(count))} pairs`)),
    h('table', { class: 'samples' },
      h('thead', {}, h('tr', {}, ...['Process', 'Order', 'Candidate, ms', 'Reference, ms'].map((head) => h('th', { scope: 'col' }, head)))),
      h('tbody', {}, ...rows),
    ),
  );
}

function interval([low, high]: readonly [number, number]): string {
  return `${significant(low)} to ${significant(high)}`;
}

function cell(value: number | undefined): HTMLElement {
  return h('td', {}, value === undefined ? '–' : value.toFixed(2));
}
