import type { ProgressView } from './protocol.js';

/** What the choice between bars and lines depends on. */
export interface Terminal {
  readonly stream: NodeJS.WritableStream & { isTTY?: boolean; columns?: number };
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Whether cursor movements may be written: a terminal that is not a CI log and not `TERM=dumb`. */
export function isInteractive({ stream, env }: Terminal): boolean {
  return stream.isTTY === true && !isSet(env['CI']) && env['TERM'] !== 'dumb';
}

/** Bars on a terminal, plain lines everywhere else. */
export async function openProgress(terminal: Terminal): Promise<ProgressView> {
  const { stream, env } = terminal;
  if (isInteractive(terminal)) {
    const { barView } = await import('./bars.js');
    return barView({ stream, columns: stream.columns ?? 80, colour: !isSet(env['NO_COLOR']) });
  }
  const { lineView } = await import('./lines.js');
  return lineView({ write: (line) => stream.write(`${line}\n`) });
}

/** NO_COLOR and CI count when they hold anything (no-color.org); `CI=false` and `CI=0` mean no. */
function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== 'false' && value !== '0';
}
