import { libraryConfig } from '../../tools/library-config.js';

export default libraryConfig({ entry: ['src/index.ts', 'src/gradients/index.ts'] });
