import { createRequire } from 'node:module';
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

/** An engine behind an optional npm package. */
export function behindPackage(packageName: string): Unavailable {
  if (isInstalled(packageName)) return { reason: `${packageName} is installed, but the engine is ${NOT_YET}` };
  return { reason: `${packageName} is not installed, and the engine is ${NOT_YET}` };
}

/** An engine of the browser. */
export function needsBrowser(what: string): Unavailable {
  return { reason: `needs a browser${what === '' ? '' : ` ${what}`}, and is ${NOT_YET}` };
}

/** Whether Node would find the package from here; it is not loaded, because loading a native addon can crash. */
function isInstalled(packageName: string): boolean {
  try {
    createRequire(import.meta.url).resolve(packageName);
    return true;
  } catch {
    return false;
  }
}
