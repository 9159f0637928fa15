// Checks every recorded result with the code that reads them for the leaderboard: schema, headline from the raw samples,
// content against the id, no record twice. Needs a build.
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { report, ROOT } from './workspace.mjs';

/** @type {{ readResults(folder: string): Promise<{ records: readonly unknown[], warnings: readonly { file: string, reason: string }[] }> }} */
const { readResults } = await import(pathToFileURL(path.join(ROOT, 'bench/dist/index.js')).href);
const { records, warnings } = await readResults(path.join(ROOT, 'bench/results'));
report(`${records.length + warnings.length} records`, warnings.map(({ file, reason }) => ({ from: `bench/results/${file}`, message: reason })));
