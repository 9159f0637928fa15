export { writeBackward } from './backward.js';
export { GradientError } from './gradient-error.js';
export { writeForward, opsetOf } from './forward.js';
export { arrange, BLOCKED_DOMAIN, NCHW, PLAIN, restore, shapeIn, type Layout } from './layout.js';
export { type OnnxAttribute, type OnnxAttributes, type OnnxConstant, type OnnxElement, type OnnxNode, type OnnxProgram, type OnnxValueInfo } from './program.js';
export { type TrainingStep } from './training-step.js';
export { OnnxWriter, type OnnxValue } from './writer.js';
