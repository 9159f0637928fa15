export type { ShuffleBlockOptions } from './block-options.js';
export { shuffleUnit, shufflenetV1, SHUFFLENETS_V1, type ShuffleNetV1Spec, type ShuffleUnitOptions } from './shufflenet-v1.js';
export { shuffleUnitV2, shufflenetV2, SHUFFLENETS_V2, type ShuffleNetV2Spec, type ShuffleProjection, type ShuffleUnitV2Options } from './shufflenet-v2.js';
export type { ShuffleStage, ShuffleStem } from './spec-options.js';
