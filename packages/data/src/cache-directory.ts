import { join } from 'node:path';
import envPaths from 'env-paths';

/** Where downloads of one kind are kept: `convkit/<kind>` in the user's cache folder as the operating system defines it (XDG_CACHE_HOME on Linux). */
export function cacheDirectory(kind: 'datasets' | 'weights'): string {
  return join(envPaths('convkit', { suffix: '' }).cache, kind);
}
