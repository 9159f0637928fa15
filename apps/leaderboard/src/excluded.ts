import { provenance } from './details.js';
import { h, name } from './dom.js';
import type { Excluded } from './results.js';

/** More than this many are counted, not listed. */
const MOST_LISTED = 200;

/** The list of what is never ranked, with the reason of each; undefined when there is none. */
export function excludedSection(excluded: readonly Excluded[]): HTMLElement | undefined {
  if (excluded.length === 0) return undefined;
  const counts = (['invalid', 'failed'] as const)
    .map((kind) => [kind, excluded.filter((entry) => entry.kind === kind).length] as const)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${count} ${kind}`);
  const listed = excluded.slice(0, MOST_LISTED).map(entry);
  const rest = excluded.length - listed.length;
  return h('details', { class: 'excluded', id: 'excluded' },
    h('summary', {}, h('h2', {}, 'Invalid and failed'), h('span', { class: 'note' }, `${counts.join(', ')}: never ranked`)),
    h('ul', {}, ...listed, rest > 0 ? h('li', {}, `and ${rest} more`) : undefined),
  );
}

function entry({ title, kind, reasons, record }: Excluded): HTMLElement {
  const log = record?.failure?.log ?? [];
  return h('li', {},
    h('strong', {}, name(title)), ' ', h('span', { class: 'mark' }, record?.status ?? kind),
    ...reasons.map((reason) => h('p', {}, name(reason))),
    log.length === 0 ? undefined : h('pre', {}, log.join('\n')),
    record === undefined ? undefined : h('details', {}, h('summary', {}, 'Command and environment'), provenance(record)),
  );
}
