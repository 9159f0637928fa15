import { CommandError } from '../errors.js';
import type { Engine, Unavailable } from './engine.js';

const ANSWER: Unavailable = { reason: 'runs in a browser', hint: 'open the page of `convkit serve` and press "Run it here"' };

/** An engine of the page that `convkit serve` shows, with where to find it. */
export function pageEngine(id: string, backend: string): Engine {
  return {
    id,
    backend,
    available: async () => ANSWER,
    async load() {
      throw new CommandError('environment', `engine ${id} is not available here: it ${ANSWER.reason}`, ANSWER.hint);
    },
  };
}
