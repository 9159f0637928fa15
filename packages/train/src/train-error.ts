/** What stops a training run, with the reason and the way out. */
export class TrainError extends Error {
  override readonly name = 'TrainError';

  constructor(
    /** `ERR_TRAIN_LOSS`: the loss is no number any more. `ERR_TRAIN_INPUT`: a batch of another shape. `ERR_TRAIN_STATE`: a state of another model. `ERR_TRAIN_MEMORY`: the backend's memory is full. `ERR_TRAIN_DISPOSED`. */
    readonly code: 'ERR_TRAIN_LOSS' | 'ERR_TRAIN_INPUT' | 'ERR_TRAIN_STATE' | 'ERR_TRAIN_MEMORY' | 'ERR_TRAIN_DISPOSED',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
