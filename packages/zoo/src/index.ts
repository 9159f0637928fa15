export { registerLayers } from './register-layers.js';
export { ALIASES, zoo, type TinyEntry, type Zoo, type ZooEntry, type ZooModel } from './zoo.js';
