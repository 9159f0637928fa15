import { h, name } from './dom.js';
import type { Group } from './groups.js';
import { COST_METRICS, DEFAULT_COLUMNS, type Metric } from './metrics.js';
import { axisLabel } from './plot.js';
import type { Board } from './rows.js';
import type { ViewState } from './state.js';
import type { View } from './view.js';

type Change = (patch: Partial<ViewState>) => void;
type Option = readonly [value: string, label: string];

/** The search box, the selectors and the choice of columns above the table. */
export function createControls(host: HTMLElement, board: Board, change: Change): { update(state: ViewState, view: View): void } {
  const search = h('input', { type: 'search', placeholder: 'Find a model', 'aria-label': 'Find a model', autocomplete: 'off', spellcheck: 'false' });
  search.addEventListener('input', () => change({ query: search.value }));
  const family = selector('Family', (value) => change({ family: value }));
  const input = selector('Input', (value) => change({ input: value }));
  const data = selector('Data set', (value) => change({ data: value }));
  const machine = selector('Machine', (value) => change({ machine: value, test: '', engine: '' }));
  const test = selector('Timed', (value) => change({ test: value, engine: '' }));
  const engine = selector('Engine', (value) => change({ engine: value }));
  const boxes = COST_METRICS.map(({ key, title }) => {
    const box = h('input', { type: 'checkbox', value: key });
    box.addEventListener('change', () => change({ columns: chosenColumns(boxes.map((entry) => entry.box)) }));
    return { box, label: h('label', {}, box, title) };
  });
  const columns = h('details', { class: 'columns' }, h('summary', {}, 'Columns'), h('div', { class: 'menu' }, ...boxes.map(({ label }) => label)));
  closeWhenLeft(columns);
  const reset = h('button', { type: 'button', click: () => change({ query: '', family: '', input: '', data: '', engine: '' }) }, 'Clear filters');
  host.replaceChildren(h('form', { class: 'controls', role: 'search', submit: (event) => event.preventDefault() },
    search, family.element, input.element, data.element, machine.element, test.element, engine.element, columns, reset));
  return {
    update(state, view) {
      if (search.value !== state.query) search.value = state.query;
      family.update([['', 'All'], ...board.families.map((value) => [value, value] as const)], state.family);
      input.update(withAll(board.inputs), state.input);
      data.update(withAll(board.datasets), state.data);
      machine.update(board.machines.map(option), view.machine?.key ?? '');
      test.update(view.tests.map(option), view.test?.key ?? '');
      engine.update(withAll(view.enginesToChoose), state.engine);
      for (const { box } of boxes) box.checked = state.columns === '' ? DEFAULT_COLUMNS.includes(box.value) : state.columns.split(',').includes(box.value);
      reset.hidden = [state.query, state.family, state.input, state.data, state.engine].every((value) => value === '');
    },
  };
}

/** The two selectors above the plot. */
export function createAxes(host: HTMLElement, change: Change): { update(view: View): void } {
  const x = selector('Across', (value) => change({ x: value }));
  const y = selector('Up', (value) => change({ y: value }));
  host.replaceChildren(y.element, x.element);
  const labelled = (metrics: readonly Metric[], label: (metric: Metric) => string): Option[] => metrics.map((metric) => [metric.key, label(metric)]);
  return {
    update(view) {
      x.update(labelled(view.xAxes, ({ title }) => title), view.x.key);
      y.update(labelled(view.yAxes, axisLabel), view.y?.key ?? '');
    },
  };
}

/** A labelled select that hides while there is nothing to choose. */
function selector(title: string, onChange: (value: string) => void): { element: HTMLElement; update(options: readonly Option[], value: string): void } {
  const select = h('select');
  select.addEventListener('change', () => onChange(select.value));
  const element = h('label', { class: 'field' }, h('span', {}, title), select);
  let shown = '';
  return {
    element,
    update(options, value) {
      const now = JSON.stringify(options);
      if (now !== shown) {
        shown = now;
        select.replaceChildren(...options.map(([key, label]) => h('option', { value: key }, label)));
      }
      element.hidden = options.filter(([key]) => key !== '').length < 2;
      select.value = value;
      if (select.selectedIndex === -1) select.selectedIndex = 0;
    },
  };
}

/** What the speed and accuracy columns stand for: the groups that were chosen, in words. */
export function basis(view: View): HTMLElement {
  const parts: HTMLElement[] = [];
  if (view.machine !== undefined && view.test !== undefined) {
    parts.push(h('p', {}, h('strong', {}, 'Speed'), ': ', name(`${view.test.detail}; measured on ${view.machine.detail}. Below 1 × is faster than the reference.${care(view.marks.speed)}`)));
  }
  for (const { detail } of view.datasets.slice(0, 3)) parts.push(h('p', {}, h('strong', {}, 'Accuracy'), ': ', name(`${detail}.${care(view.marks.accuracy)}`)));
  parts.push(h('p', {}, h('strong', {}, 'Cost'), ': counted for one image; MACs are the multiply-adds of convolutions and dense layers.'));
  return h('div', { class: 'basis' }, ...parts);
}

/** What the marks that all measurements share mean. */
function care(marks: ReadonlySet<string>): string {
  const quick = marks.has('quick') ? ' Quick runs: a first look, not results to publish.' : '';
  return marks.has('noisy') ? `${quick} The machine was busy with other work.` : quick;
}

function option({ key, label }: Group): Option {
  return [key, label];
}

function withAll(groups: readonly Group[]): Option[] {
  return [['', 'All'], ...groups.map(option)];
}

function chosenColumns(boxes: readonly HTMLInputElement[]): string {
  const chosen = boxes.filter(({ checked }) => checked).map(({ value }) => value);
  if (chosen.length === 0) return '-';
  return chosen.join() === DEFAULT_COLUMNS.join() ? '' : chosen.join();
}

function closeWhenLeft(menu: HTMLDetailsElement): void {
  document.addEventListener('pointerdown', ({ target }) => {
    if (menu.open && target instanceof Node && !menu.contains(target)) menu.open = false;
  });
  menu.addEventListener('keydown', ({ key }) => {
    if (key !== 'Escape' || !menu.open) return;
    menu.open = false;
    menu.querySelector('summary')?.focus();
  });
}
