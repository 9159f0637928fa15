/**
 * The floors of the house. A package imports only packages of lower floors; where `only` is given, only those.
 * `beside` lists what is open to it on top of that: entries of a neighbour on its floor, or the private test package.
 * `tfjs` lists what it may import of TensorFlow.js: users bring the backend, so no package below the top floor names one.
 *
 * @typedef {{ floor: number, only?: readonly string[], beside?: readonly string[], tfjs: readonly string[] }} Floor
 */
const PEERS = ['@tensorflow/tfjs-core', '@tensorflow/tfjs-layers'];
const BACKENDS = ['@tensorflow/tfjs-backend-cpu', '@tensorflow/tfjs-backend-wasm', '@tensorflow/tfjs-backend-webgl', '@tensorflow/tfjs-backend-webgpu'];

/** Blocks and families know core and nothing else. @type {Floor} */
const FAMILY = { floor: 3, only: ['@convkit/core'], tfjs: PEERS };

/** @type {Readonly<Record<string, Floor>>} */
export const FLOORS = {
  // The page reads records with the code that wrote them: their schema and statistics, not the command.
  '@convkit/leaderboard': { floor: 5, beside: ['@convkit/bench/records', '@convkit/bench/statistics'], tfjs: [...PEERS, ...BACKENDS] },
  // `convkit parity` fills models by the same rule as the tests; the build takes it into the command.
  '@convkit/bench': { floor: 5, beside: ['@convkit/testing'], tfjs: [...PEERS, ...BACKENDS] },

  '@convkit/zoo': { floor: 4, tfjs: PEERS },

  '@convkit/classic': FAMILY,
  '@convkit/vgg': FAMILY,
  '@convkit/resnet': FAMILY,
  '@convkit/densenet': FAMILY,
  '@convkit/depthwise': FAMILY,
  '@convkit/shufflenet': FAMILY,

  '@convkit/profile': { floor: 3, only: ['@convkit/core', '@convkit/graph'], tfjs: PEERS },
  '@convkit/weights': { floor: 3, only: ['@convkit/core'], tfjs: PEERS },

  '@convkit/graph': { floor: 2, tfjs: PEERS },

  '@convkit/core': { floor: 1, tfjs: PEERS },
  '@convkit/data': { floor: 1, tfjs: [] },
};

/** What tests may import on top: the private test package, at any floor. */
export const TESTING = '@convkit/testing';
