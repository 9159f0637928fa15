export { loadPretrained, type LoadPretrainedOptions, type Pretrained } from './pretrained.js';
