import { CommandError } from '../errors.js';
import type { Engine, Unavailable } from './engine.js';

const NOT_YET = 'not built into this release yet';

/** An engine that this release knows but cannot run, with the honest reason. */
export function plannedEngine(id: string, backend: string, why: () => Unavailable): Engine {
  return {
    id,
    backend,
    async available() {
      return why();
    },
    async load() {
      throw new CommandError('environment', `engine ${id} is not available here: ${why().reason}`);
    },
  };
}

/** An engine of the browser. */
export function needsBrowser(what: string): Unavailable {
  return { reason: `needs a browser${what === '' ? '' : ` ${what}`}, and is ${NOT_YET}` };
}
