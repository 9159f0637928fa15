import type { ResultRecord } from '@convkit/bench/records';
import { facts, h, name } from './dom.js';
import { accuracyEvidence, speedEvidence } from './evidence.js';
import { exact, plain, scaled, significant, when } from './format.js';
import { configurationOf, type Row } from './rows.js';

/** The side panel: everything known of one model, with the evidence for each number. */
export function createDetails(onClose: () => void): { show(row: Row | undefined): void } {
  const dialog = h('dialog', { class: 'panel', 'aria-labelledby': 'panel-title' });
  dialog.addEventListener('close', onClose);
  dialog.addEventListener('click', (event) => {
    // The backdrop belongs to the dialog; its content lies in children.
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  let shown: string | undefined;
  return {
    show(row) {
      if (row?.id === shown && dialog.open === (row !== undefined)) return;
      shown = row?.id;
      if (row === undefined) {
        if (dialog.open) dialog.close();
        return;
      }
      dialog.replaceChildren(content(row, () => dialog.close()));
      if (!dialog.open) dialog.showModal();
      dialog.scrollTop = 0;
    },
  };
}

function content(row: Row, close: () => void): HTMLElement {
  const { paper } = row.newest.subject;
  return h('div', { class: 'panel-body' },
    h('header', {},
      h('div', {},
        h('h2', { id: 'panel-title', tabindex: '-1', autofocus: true }, name(row.variant)),
        h('p', { class: 'note' }, name(configurationOf(row))),
        paper === undefined ? undefined : h('p', {}, link(paper.title, paper.url), paper.year === undefined ? undefined : ` (${paper.year})`),
      ),
      h('button', { type: 'button', class: 'close', 'aria-label': 'Close', click: close }, '✕'),
    ),
    costSection(row),
    ...row.records.filter(({ kind }) => kind !== 'cost').map(measurement),
  );
}

function costSection({ newest, cost, records }: Row): HTMLElement {
  const { params, receptiveField } = newest.subject;
  const value = cost?.value;
  const count = (number: number | undefined, unit = ''): string | undefined => {
    if (number === undefined) return undefined;
    return number < 1000 ? `${exact(number)} ${unit}`.trim() : `${exact(number)}${unit === '' ? '' : ` ${unit}`} (${plain(scaled(number, unit))})`;
  };
  const source = cost?.record ?? records.find(({ kind }) => kind === 'cost');
  return h('section', {},
    h('h3', {}, 'Cost, one image'),
    facts([
      ['Parameters, trainable', count(params.trainable)],
      ['Running statistics', count(params.nonTrainable)],
      ['Weights', count(value?.weightsBytes ?? params.bytes, 'B')],
      ['MACs', count(value?.macs)],
      ['FLOPs (2 × MACs)', count(value?.flops)],
      ['All operations', count(value?.allOps)],
      ['Activations, elements', count(value?.activations)],
      ['Peak activation memory', count(value?.peakActivationBytes, 'B')],
      ['Arithmetic intensity', value?.arithmeticIntensity === undefined ? undefined : `${significant(value.arithmeticIntensity)} FLOP/B`],
      ['Receptive field', receptiveField === undefined ? undefined : `${exact(receptiveField)} px`],
      ['Counting convention', value?.convention],
    ]),
    source?.kind === 'cost' ? provenance(source) : undefined,
  );
}

function measurement(record: ResultRecord): HTMLElement {
  const body = record.speed !== undefined ? speedEvidence(record, record.speed) : record.accuracy !== undefined ? accuracyEvidence(record.accuracy) : [];
  const marks = [record.tier, ...record.notes].map((mark) => h('span', { class: 'mark' }, name(mark)));
  return h('section', {}, ...body, h('p', { class: 'marks' }, ...marks), provenance(record));
}

/** How to get the record again: command, commit, date and environment. */
export function provenance(record: ResultRecord): HTMLElement {
  const { environment: env, provenance: from, memory, correctness } = record;
  const load = (value: typeof env.loadBefore): string | undefined => (value === undefined ? undefined : significant(value.one));
  const loads = [load(env.loadBefore), load(env.loadAfter)].filter((part) => part !== undefined).join(' → ');
  const difference = correctness?.maxAbsDiffVsPlain ?? correctness?.maxAbsDiffVsCpu;
  return h('div', { class: 'provenance' },
    command(from.command),
    facts([
      ['Date', when(record.created)],
      ['Commit', env.commit === undefined ? undefined : `${env.commit.slice(0, 12)}${env.dirty === true ? ', with uncommitted changes' : ''}`],
      ['Machine', name(`${env.cpu}, ${env.cores} cores, ${plain(scaled(env.memBytes, 'B'))} memory`)],
      ['System', name([env.os, env.arch, env.runtime, env.tfjs === undefined ? '' : `tfjs ${env.tfjs}`, env.adapter ?? ''].filter((part) => part !== '').join(', '))],
      ['Load, before → after', loads === '' ? undefined : `${loads}${env.noisy ? ', noisy: other work was running' : ''}`],
      ['Peak memory of the process', memory?.rssPeak === undefined ? undefined : plain(scaled(memory.rssPeak, 'B'))],
      ['Largest output difference', difference === undefined ? undefined : difference.toExponential(1)],
      ['Runner', `${from.runner.name} ${from.runner.version}`],
      ['Record', record.id.slice(0, 12)],
    ]),
  );
}

function command(text: string): HTMLElement {
  const copy = (event: Event): void => {
    const button = event.currentTarget as HTMLButtonElement;
    navigator.clipboard?.writeText(text).then(() => (button.textContent = 'Copied'), () => (button.textContent = 'Select it'));
  };
  return h('div', { class: 'command' }, h('code', { tabindex: '0' }, text), h('button', { type: 'button', click: copy, 'aria-label': 'Copy the command' }, 'Copy'));
}

/** A link only where the address is a web address: a record could hold `javascript:`. */
function link(text: string, url: string | undefined): Node {
  return url !== undefined && /^https?:\/\//i.test(url) ? h('a', { href: url, rel: 'noopener noreferrer', target: '_blank' }, name(text)) : name(text);
}
