export { install, installedPatches, uninstall, type InstallOptions, type PatchReport } from './install.js';
export { replaceGradient, replaceKernel, type Finding, type Patch, type Undo } from './patch.js';
export { NATIVE_PATCHES } from './native/patches.js';
export { PATCHES } from './patches/index.js';
