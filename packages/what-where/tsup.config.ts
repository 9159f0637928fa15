import { libraryConfig } from '../../tools/library-config.js';

export default libraryConfig();
