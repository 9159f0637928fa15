import './style.css';
import { basis, createAxes, createControls } from './controls.js';
import { createDetails } from './details.js';
import { byId, h } from './dom.js';
import { excludedSection } from './excluded.js';
import { when } from './format.js';
import { drawPlot } from './plot.js';
import { readResults, type Results } from './results.js';
import { buildBoard } from './rows.js';
import { decodeState, encodeSort, encodeState, type ViewState } from './state.js';
import { createTable } from './table.js';
import { resolveView } from './view.js';

/** Reads `results.json` beside the page. Throws an Error with a sentence for the visitor. */
async function load(): Promise<Results> {
  const response = await fetch('./results.json', { cache: 'no-cache' }).catch(() => undefined);
  if (response === undefined) throw new Error('results.json could not be fetched: is the server still running?');
  if (!response.ok) throw new Error(`results.json could not be fetched: the server answered ${response.status} ${response.statusText}.`);
  return readResults(await response.json());
}

function start(app: HTMLElement, results: Results): void {
  const board = buildBoard(results.records);
  byId('summary').textContent = summary(results, board.rows.length);
  const excluded = excludedSection(results.excluded);
  if (board.rows.length === 0) {
    app.replaceChildren(noResults(results), runSection(), excluded ?? '');
    return;
  }
  const [controlsHost, tableHost, notes, axesHost, plotHost] = [h('div'), h('div', { class: 'table', 'aria-label': 'Results' }), h('div'), h('div', { class: 'controls' }), h('figure', { class: 'plot' })];
  const plotNote = h('p', { class: 'note' });
  app.replaceChildren(
    h('section', { 'aria-labelledby': 'models' }, h('h2', { id: 'models', class: 'visually-hidden' }, 'Models'), controlsHost, h('div', { class: 'frame' }, tableHost), notes),
    h('section', { 'aria-labelledby': 'trade' }, h('div', { class: 'plot-head' }, h('h2', { id: 'trade' }, 'What the cost buys'), axesHost), plotHost,
      plotNote),
    runSection(),
    excluded ?? '',
  );

  let state: ViewState = decodeState(location.hash);
  const change = (patch: Partial<ViewState>): void => {
    state = { ...state, ...patch };
    const hash = encodeState(state);
    history.replaceState(null, '', hash === '' ? location.pathname + location.search : `#${hash}`);
    render();
  };
  const open = (row: string): void => change({ row });
  const controls = createControls(controlsHost, board, change);
  const axes = createAxes(axesHost, change);
  const table = createTable(tableHost, { onSort: (key, descending) => change({ sort: encodeSort(key, descending) }), onOpen: open });
  const details = createDetails(() => {
    if (state.row !== '') change({ row: '' });
  });
  const byRowId = new Map(board.rows.map((row) => [row.id, row]));
  let drawn = '';

  function render(): void {
    const view = resolveView(board, state);
    controls.update(state, view);
    axes.update(view);
    void table.update(view);
    notes.replaceChildren(basis(view));
    // Opening a row or sorting leaves the picture as it is.
    const picture = JSON.stringify([{ ...state, row: '', sort: '', columns: '' }, plotHost.clientWidth]);
    if (picture !== drawn) {
      drawn = picture;
      drawPlot(plotHost, view, board.families, open);
      const bars = view.y?.kind === 'top1' ? ' Bars are one standard deviation over seeds.' : '';
      plotNote.textContent = view.y === undefined ? '' : `The dashed line is the Pareto front: no model here is both cheaper and better.${bars}`;
      byId('announce').textContent = `${view.rows.length} of ${board.rows.length} models shown`;
    }
    details.show(byRowId.get(state.row));
  }
  addEventListener('hashchange', () => {
    state = decodeState(location.hash);
    render();
  });
  new ResizeObserver(render).observe(plotHost);
}

/** Engines, models and the code that times them are loaded when somebody opens it. */
function runSection(): HTMLElement {
  const host = h('div', {}, h('p', { class: 'note' }, 'Loading the engines'));
  const section = h('details', { class: 'run-here' }, h('summary', {}, 'Run it here'), host);
  section.addEventListener('toggle', () => {
    import('./run/panel.js').then(({ openPanel }) => openPanel(host), (error: unknown) => host.replaceChildren(h('p', { role: 'alert' }, `The engines cannot be loaded: ${String(error)}`)));
  }, { once: true });
  return section;
}

/** The line below the title. */
function summary({ records, generated }: Results, rows: number): string {
  const made = generated !== undefined && /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(generated) ? `, written ${when(generated)}` : '';
  const plural = (count: number, word: string): string => `${count.toLocaleString('en-US')} ${word}${count === 1 ? '' : 's'}`;
  if (rows === 0) return 'What each CNN costs, how fast it runs, how often it is right.';
  return `What each CNN costs, how fast it runs, how often it is right: ${plural(rows, 'model')} from ${plural(records.length, 'record')}${made}.`;
}

function noResults({ excluded }: Results): HTMLElement {
  const reason = excluded.length === 0 ? 'Nothing has been measured yet.' : 'No record can be ranked; the reasons are below.';
  return h('div', { class: 'message' }, h('h2', {}, 'No results yet'), h('p', {}, `${reason} Measure, then reload:`), h('pre', {}, 'npx convkit bench cost\nnpx convkit serve'));
}

const app = byId('app');
try {
  start(app, await load());
} catch (error) {
  const reason = error instanceof Error ? error.message : String(error);
  app.replaceChildren(h('div', { class: 'message', role: 'alert' }, h('h2', {}, 'The results cannot be read'), h('p', {}, reason)));
} finally {
  app.removeAttribute('aria-busy');
}
