/** An op that training cannot go through. */
export class GradientError extends Error {
  override readonly name = 'GradientError';
  readonly code = 'ERR_GRADIENT';
}
