/** What an ONNX file or an onnxruntime session cannot do, with the reason and the way out. */
export class OnnxError extends Error {
  override readonly name = 'OnnxError';

  constructor(
    readonly code: 'ERR_ONNX_SIZE' | 'ERR_ONNX_RUNTIME' | 'ERR_ONNX_PROVIDER' | 'ERR_ONNX_INPUT',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
