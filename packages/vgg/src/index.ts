export { convUnit, type ConvUnitOptions } from './conv-unit.js';
export { vgg, VGGS, type VggHead, type VggSpec, type VggStage } from './vgg.js';
