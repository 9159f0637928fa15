export { ALIASES } from './aliases.js';
export { zoo, type TinyEntry, type Zoo, type ZooEntry, type ZooModel } from './zoo.js';
