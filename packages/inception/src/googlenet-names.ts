/** Module paths around the modules in the three references; stages and modules count from 0. */
import type { Naming } from './inception-modules.js';

/** The paper's letter of a module: 3a is the first of the first stage. */
const printed = (stage: number, module: number) => `${stage + 3}${String.fromCharCode('a'.charCodeAt(0) + module)}`;

interface Names {
  /** The stem's convolutions; a cifar stem has the first only. */
  readonly convolutions: readonly [string, string, string];
  readonly depthwise: string;
  readonly pools: readonly [string, string];
  readonly norms: readonly [string, string];
  /** The pool in front of a stage. */
  stagePool(stage: number): string;
  /** Feature tap and path of a module. */
  module(stage: number, module: number): [tap: string, path: string];
  /** Layers of an auxiliary classifier. */
  auxiliary(head: number): AuxiliaryNames;
  readonly pool: string;
  readonly dropout: string;
  readonly classifier: string;
  /** How convolutions start, and dense layers. */
  readonly initializer: 'smallNormal' | 'heNormal' | 'heUniform';
  readonly denseInitializer: DenseInitializer;
}

export type DenseInitializer = 'smallNormal' | 'lecunNormal' | 'torchUniform';

export type AuxiliaryNames = Record<'pool' | 'conv' | 'flatten' | 'hidden' | 'dropout' | 'classifier', string>;

const torchAuxiliary = (head: number): AuxiliaryNames => ({
  pool: `aux${head + 1}.pool`, conv: `aux${head + 1}.conv`, flatten: `aux${head + 1}.flatten`, hidden: `aux${head + 1}.fc1`, dropout: `aux${head + 1}.dropout`, classifier: `aux${head + 1}.fc2`,
});

export const NAMES: Readonly<Record<Naming, Names>> = {
  torchvision: {
    convolutions: ['conv1', 'conv2', 'conv3'], depthwise: 'depthwise', pools: ['maxpool1', 'maxpool2'], norms: ['norm1', 'norm2'],
    stagePool: (stage) => `maxpool${stage + 2}`,
    module: (stage, module) => [`inception${printed(stage, module)}`, `inception${printed(stage, module)}`],
    auxiliary: torchAuxiliary,
    pool: 'avgpool', dropout: 'dropout', classifier: 'fc', initializer: 'smallNormal', denseInitializer: 'smallNormal',
  },
  caffe: {
    convolutions: ['conv1/7x7_s2', 'conv2/3x3_reduce', 'conv2/3x3'], depthwise: 'conv1/depthwise', pools: ['pool1/3x3_s2', 'pool2/3x3_s2'], norms: ['pool1/norm1', 'conv2/norm2'],
    stagePool: (stage) => `pool${stage + 2}/3x3_s2`,
    module: (stage, module) => [`inception_${printed(stage, module)}`, `inception_${printed(stage, module)}`],
    auxiliary: (head) => ({
      pool: `loss${head + 1}/ave_pool`, conv: `loss${head + 1}/conv`, flatten: `loss${head + 1}/flatten`, hidden: `loss${head + 1}/fc`, dropout: `loss${head + 1}/drop_fc`,
      classifier: `loss${head + 1}/classifier`,
    }),
    pool: 'pool5/7x7_s1', dropout: 'pool5/drop_7x7_s1', classifier: 'loss3/classifier', initializer: 'heNormal', denseInitializer: 'lecunNormal',
  },
  pytorchcv: {
    convolutions: ['features.init_block.conv1', 'features.init_block.conv2.conv1', 'features.init_block.conv2.conv2'], depthwise: 'features.init_block.depthwise',
    pools: ['features.init_block.pool1', 'features.init_block.pool2'], norms: ['features.init_block.norm1', 'features.init_block.norm2'],
    stagePool: (stage) => `features.stage${stage + 1}.pool`,
    module: (stage, module) => [`stage${stage + 1}.unit${module + 1}`, `features.stage${stage + 1}.unit${module + 1}`],
    auxiliary: torchAuxiliary,
    pool: 'features.final_pool', dropout: 'dropout', classifier: 'output', initializer: 'heUniform', denseInitializer: 'torchUniform',
  },
};
