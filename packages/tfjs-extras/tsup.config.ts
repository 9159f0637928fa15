import { libraryConfig } from '../../tools/library-config.js';

export default libraryConfig({ entry: ['src/index.ts', 'src/composed/index.ts', 'src/native/index.ts'] });
