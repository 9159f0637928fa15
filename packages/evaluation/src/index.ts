export { denseForm, DenseFormError, type DenseForm, type DenseFormOptions } from './dense-form.js';
export { createEvaluator, evaluate, VIEWS, type EvaluateOptions, type Evaluation, type Evaluator, type Images, type LabelledImages, type Networks, type View } from './evaluator.js';
export { softmaxRows, Tally, type Scores } from './tally.js';
export { cropCorners, scaledSize, testScales, type Size } from './views.js';
