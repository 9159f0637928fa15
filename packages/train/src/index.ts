export { LOSSES, type LossOptions } from './loss.js';
export { type AdamOptions, type Clipping, type OptimizerOptions, type SgdOptions } from './optimizer.js';
export { cosineSchedule, linearSchedule, plateauSchedule, stepSchedule, warmUp, type PlateauSchedule, type Schedule } from './schedule.js';
export { TrainError } from './train-error.js';
export { createTrainer, type GradientResult, type StepResult, type Trainer, type TrainerOptions, type TrainerState, type TrainingBatch } from './trainer.js';
