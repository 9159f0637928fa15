export { ALIASES, zoo, type TinyEntry, type Zoo, type ZooEntry, type ZooModel } from './zoo.js';
