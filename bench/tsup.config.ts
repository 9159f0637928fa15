import { libraryConfig } from '../tools/library-config.js';

export default libraryConfig({ entry: ['src/index.ts', 'src/browser.ts', 'src/records.ts', 'src/statistics.ts', 'src/cli.ts', 'src/worker.ts'] });
