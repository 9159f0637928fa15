import { zoo } from '@convkit/zoo';
import { h } from '../dom.js';
import { PAGE_ENGINES } from './engines.js';
import { measureHere, type Shown } from './measure.js';

const PRESET = 'mobilenet_v2';

/** The model to choose, the button, and a row for each engine of this browser. */
export function openPanel(host: HTMLElement): void {
  const select = h('select', { 'aria-label': 'Model' }, ...zoo.list({ tiny: true }).map(({ id }) => h('option', { value: id, selected: id === PRESET }, id)));
  const button = h('button', { type: 'button' }, 'Run');
  const status = h('p', { class: 'note', role: 'status' }, isolation());
  const rows = h('tbody');
  const head = h('tr', {}, ...['engine', 'on', 'an image', 'time ÷ reference'].map((title) => h('th', { scope: 'col' }, title)));
  const result = h('table', { class: 'run', hidden: true }, h('thead', {}, head), rows);
  button.addEventListener('click', () => void run());
  host.replaceChildren(
    h('p', { class: 'note' }, 'Runs a network of this page on each engine of your browser, in turn with the reference that the records are measured against. A look in few rounds; it is not recorded.'),
    h('div', { class: 'controls' }, select, button), status, result,
  );

  async function run(): Promise<void> {
    button.disabled = true;
    rows.replaceChildren();
    result.hidden = true;
    try {
      const shown = await measureHere(select.value, PAGE_ENGINES, (line) => {
        status.textContent = `${select.value}: ${line}`;
      });
      rows.replaceChildren(...shown.map(rowOf));
      result.hidden = false;
      status.textContent = `${select.value}: done. ${isolation()}`;
    } catch (error) {
      status.textContent = `${select.value} could not be run: ${error instanceof Error ? error.message : String(error)}`;
    } finally {
      button.disabled = false;
    }
  }
}

const isolation = (): string => (crossOriginIsolated ? 'The page is cross-origin isolated: wasm has threads.' : 'The page is not cross-origin isolated: wasm has one thread (convkit serve isolates it).');

function rowOf({ engine, device, ratio, milliseconds, failure }: Shown): HTMLElement {
  const cells = failure === undefined ? [device ?? '', `${(milliseconds ?? Number.NaN).toPrecision(3)} ms`, (ratio ?? Number.NaN).toPrecision(3)] : [failure, '', ''];
  return h('tr', { 'data-engine': engine }, h('th', { scope: 'row' }, engine), ...cells.map((text) => h('td', {}, text)));
}
