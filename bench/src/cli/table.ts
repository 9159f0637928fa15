import Table from 'cli-table3';

/** A column: its title, and whether it holds numbers. */
export interface Column {
  readonly title: string;
  readonly right?: boolean;
  /** Characters before words move to the next line. */
  readonly width?: number;
}

/** Plain text columns without rules or colours: readable at 80 columns, in a log and by `cut`. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const none = { top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '', left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '  ' };
  const grid = new Table({
    head: columns.map(({ title }) => title),
    colAligns: columns.map(({ right }) => (right === true ? 'right' : 'left')),
    ...(columns.some(({ width }) => width !== undefined) ? { colWidths: columns.map(({ width }) => width ?? null), wordWrap: true } : {}),
    chars: none,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  grid.push(...rows.map((row) => row.map(printable)));
  return grid.toString().split('\n').map((line) => line.trimEnd()).join('\n');
}

/** Names come from files: control characters and bidi marks must not reach the terminal. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}
