export { encode } from './encode.js';
export { OnnxError } from './onnx-error.js';
export { createSession, loadRuntime, type ExecutionProvider, type OnnxRuntime, type OnnxSession, type SessionOptions } from './session.js';
export { toOnnx, toProgram, type OnnxOptions } from './to-onnx.js';
