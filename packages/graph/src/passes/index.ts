import type { Graph } from '../graph.js';
import { absorbShuffles, viewChannels } from './absorb-shuffles.js';
import { alignChannels } from './align-channels.js';
import { cancelTransposes } from './cancel-transposes.js';
import { dropDropout } from './drop-dropout.js';
import { foldBatchNorm } from './fold-batch-norm.js';
import { foldBatchNormAhead } from './fold-batch-norm-ahead.js';
import { fuseActivation } from './fuse-activation.js';
import { normToDepthwise } from './norm-to-depthwise.js';
import { removeDeadCode } from './remove-dead-code.js';
import type { Pass } from './rewrite.js';
import { shareCommon } from './share-common.js';
import { subsampleFirst } from './subsample-first.js';

/**
 * What pays everywhere, in this order: what is the identity goes first; equal values become one before anything counts
 * their readers; transposes cancel so that neighbours meet; a batch norm folds into what is before it, else behind it.
 * Constants need no pass: whatever no input reaches is computed once, when the graph is compiled or exported.
 */
const EVERYWHERE: readonly Pass[] = [dropDropout, shareCommon, cancelTransposes, foldBatchNorm, foldBatchNormAhead];

/**
 * The passes of inference on TensorFlow.js' backends. A shuffle goes only where nothing has to be copied in its place:
 * on wasm it costs less than the pieces of a lazy concatenation, and gathering single channels fifteen times as much.
 * Activations, which move into the op before them, come last.
 */
export const INFERENCE_PASSES: readonly Pass[] = [...EVERYWHERE, absorbShuffles, fuseActivation, removeDeadCode];

/**
 * The passes of export to ONNX, whose runtime fuses activations itself and copies pieces of whole channels at the speed of
 * memory; for its blocked layout, batch norms that are left become depthwise convolutions and odd widths are rounded up. What was measured: decisions/008.
 */
export const EXPORT_PASSES: readonly Pass[] = [...EVERYWHERE, subsampleFirst, viewChannels, normToDepthwise, alignChannels, removeDeadCode];

/** The graph as `compile` runs it: no dropout, batch norms folded, activations fused. */
export function optimize(graph: Graph, passes: readonly Pass[] = INFERENCE_PASSES): Graph {
  return passes.reduce((current, pass) => pass(current), graph);
}
