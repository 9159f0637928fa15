import { libraryConfig } from '../../tools/library-config.js';

export default libraryConfig({ entry: ['src/index.ts', 'src/detection.ts', 'src/node.ts'] });
