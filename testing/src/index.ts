export { fixtureName } from './fixture-name.js';
export { fixtureStream, fixtureTensor } from './fill.js';
export { fromNchw, relativeError } from './layouts.js';
export { kernelMacs, trainableParams } from './model-counts.js';
