export { fixtureStream, fixtureTensor } from './fill.js';
export { fromNchw, relativeError } from './layouts.js';
