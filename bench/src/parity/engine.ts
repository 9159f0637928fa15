/** What runs the networks of a comparison; operators run on tfjs in any case: on the backend, or on wasm beside onnxruntime. */
export type ParityEngine = 'wasm' | 'tensorflow' | 'onnxruntime';
