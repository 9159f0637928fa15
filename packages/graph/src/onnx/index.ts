export { writeForward, opsetOf } from './forward.js';
export { NCHW, PLAIN, restore, shapeIn, type Layout } from './layout.js';
export { type OnnxAttribute, type OnnxAttributes, type OnnxConstant, type OnnxElement, type OnnxNode, type OnnxProgram, type OnnxValueInfo } from './program.js';
export { OnnxWriter, type OnnxValue } from './writer.js';
