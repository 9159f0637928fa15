/** What runs the networks of a comparison; operators run on tfjs in any case. */
export type ParityEngine = 'wasm' | 'onnxruntime';
