import { FormatModule, FrozenColumnsModule, InteractionModule, ResizeTableModule, SortModule, Tabulator, type CellComponent, type ColumnDefinition, type RowComponent } from 'tabulator-tables';
import 'tabulator-tables/dist/css/tabulator_simple.min.css';
import { h, name } from './dom.js';
import type { Cell, Metric } from './metrics.js';
import { configurationOf, type Row } from './rows.js';
import { NAME, type View } from './view.js';

Tabulator.registerModule([FormatModule, FrozenColumnsModule, InteractionModule, ResizeTableModule, SortModule]);

/** What the table tells the page. */
export interface TableEvents {
  onSort(key: string, descending: boolean): void;
  onOpen(id: string): void;
}

interface Datum {
  readonly id: string;
  readonly row: Row;
  /** Place in the view's order, which settles ties. */
  readonly index: number;
}

/** The results table inside `host`; `update` shows another view of the board. */
export function createTable(host: HTMLElement, events: TableEvents): { update(view: View): Promise<void> } {
  const table = new Tabulator(host, {
    data: [],
    columns: [nameColumn(events)],
    layout: 'fitColumns',
    maxHeight: '100%',
    rowHeight: 48,
    nestedFieldSeparator: false,
    headerSortElement: () => '',
    columnDefaults: { headerSortTristate: false },
    placeholder: 'No model matches these filters.',
  });
  const built = new Promise<void>((resolve) => {
    table.on('tableBuilt', () => {
      // Tabulator says 'grid', which promises arrow keys between cells; this is a table with buttons in it.
      host.setAttribute('role', 'table');
      resolve();
    });
  });
  let shownColumns = '';
  let shownSort = '';
  let shownRows: readonly Row[] = [];
  table.on('dataSorted', (sorters) => {
    const [sorter] = sorters;
    if (sorter === undefined) return;
    const now = `${sorter.dir} ${sorter.field}`;
    if (now === shownSort) return;
    shownSort = now;
    events.onSort(sorter.field, sorter.dir === 'desc');
  });
  table.on('rowClick', (_, row: RowComponent) => {
    if (getSelection()?.isCollapsed !== false) events.onOpen((row.getData() as Datum).id);
  });

  return {
    async update(view) {
      await built;
      const columns = view.columns.map(({ key }) => key).join(' ') + (view.machine?.key ?? '') + (view.test?.key ?? '');
      const sort = `${view.sort.descending ? 'desc' : 'asc'} ${view.sort.key}`;
      if (columns !== shownColumns) {
        shownColumns = columns;
        shownRows = [];
        shownSort = sort;
        table.setColumns([nameColumn(events), ...view.columns.map(metricColumn)]);
      }
      if (!sameRows(view.rows, shownRows)) {
        shownRows = view.rows;
        await table.setData(view.rows.map((row, index) => datum(row, index, view.columns)));
      }
      const [current] = table.getSorters();
      if (current?.field !== view.sort.key || (current.dir === 'desc') !== view.sort.descending) {
        shownSort = sort;
        table.setSort(view.sort.key, view.sort.descending ? 'desc' : 'asc');
      }
    },
  };
}

function datum(row: Row, index: number, metrics: readonly Metric[]): Datum {
  const values = metrics.map((metric) => [metric.key, metric.value(row)]);
  return { ...Object.fromEntries(values), [NAME]: row.variant, id: row.id, row, index };
}

function nameColumn(events: TableEvents): ColumnDefinition {
  return {
    field: NAME, title: 'Model', frozen: true, minWidth: matchMedia('(max-width: 40rem)').matches ? 164 : 225, widthGrow: 3,
    titleFormatter: () => header('Model', 'family, input, classes', 'Sorts by family, then by size'),
    sorter: (_a, _b, a, b) => (a.getData() as Datum).row.place - (b.getData() as Datum).row.place,
    formatter: (cell) => {
      const { id, row } = cellDatum(cell);
      const open = (event: Event): void => {
        event.stopPropagation();
        events.onOpen(id);
      };
      return h('div', { class: 'cell model' },
        h('button', { type: 'button', class: 'link', click: open, 'aria-haspopup': 'dialog' }, name(row.variant)),
        h('span', { class: 'note', title: configurationOf(row) }, name(configurationOf(row))),
      );
    },
  };
}

function metricColumn(metric: Metric): ColumnDefinition {
  return {
    field: metric.key, title: metric.title, hozAlign: 'right', headerHozAlign: 'right',
    minWidth: metric.kind === 'cost' ? 124 : metric.kind === 'top1' ? 172 : 146,
    headerSortStartingDir: metric.better === 'high' ? 'desc' : 'asc',
    titleFormatter: () => header(metric.title, metric.subtitle),
    sorter: (a: unknown, b: unknown, aRow, bRow, _column, dir) => {
      // Tabulator hands a missing value over as '' and swaps a and b for 'desc'; models without a value stay below and
      // ties keep the view's order all the same.
      const forward = dir === 'asc' ? 1 : -1;
      if (typeof a === 'number' && typeof b === 'number') {
        if (a !== b) return a - b;
      } else {
        const missing = Number(typeof a !== 'number') - Number(typeof b !== 'number');
        if (missing !== 0) return forward * missing;
      }
      return forward * (place(aRow) - place(bRow));
    },
    formatter: (cell) => {
      const content = metric.cell(cellDatum(cell).row);
      return content === undefined ? h('span', { class: 'cell missing', 'aria-label': 'not measured' }, '–') : valueCell(content);
    },
  };
}

/** Digits right-aligned in front of a unit of fixed width, so that a column reads downwards. */
function valueCell({ quantity, note, marks = [], exact }: Cell): HTMLElement {
  const words = [note, ...marks.map((mark) => h('span', { class: 'mark' }, mark))];
  return h('div', { class: 'cell', title: exact },
    h('span', { class: quantity.unit === '' && Number.isNaN(Number.parseFloat(quantity.digits)) ? 'value open' : 'value' }, quantity.digits, quantity.unit === '' ? undefined : h('span', { class: `unit ${quantity.unit.endsWith('B') ? 'bytes' : ''}` }, quantity.unit)),
    words.some((word) => word !== undefined) ? h('span', { class: 'note' }, ...words) : undefined,
  );
}

/** A real button, so that sorting works from the keyboard: its click bubbles to the header cell, which sorts. */
function header(title: string, subtitle: string, hint = `${title}, ${subtitle}`): HTMLElement {
  return h('button', { type: 'button', class: 'head', title: hint }, h('span', { class: 'title' }, name(title)), h('span', { class: 'note' }, name(subtitle)));
}

/** Also makes the cell a table's and not a grid's, see `createTable`. */
function cellDatum(cell: CellComponent): Datum {
  cell.getElement().setAttribute('role', 'cell');
  return cell.getRow().getData() as Datum;
}

function place(row: RowComponent): number {
  return (row.getData() as Datum).index;
}

function sameRows(a: readonly Row[], b: readonly Row[]): boolean {
  return a.length === b.length && a.every((row, index) => row === b[index]);
}
