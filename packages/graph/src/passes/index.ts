import type { Graph } from '../graph.js';
import { dropDropout } from './drop-dropout.js';
import { foldBatchNorm } from './fold-batch-norm.js';
import { fuseActivation } from './fuse-activation.js';
import { normToDepthwise } from './norm-to-depthwise.js';
import { removeDeadCode } from './remove-dead-code.js';
import type { Pass } from './rewrite.js';

/** The passes of inference, in order. */
export const INFERENCE_PASSES: readonly Pass[] = [dropDropout, foldBatchNorm, fuseActivation, removeDeadCode];

/** The passes of export to ONNX, whose runtime fuses activations itself. */
export const EXPORT_PASSES: readonly Pass[] = [dropDropout, foldBatchNorm, normToDepthwise, removeDeadCode];

/** The graph as `compile` runs it: no dropout, batch norms folded, activations fused. */
export function optimize(graph: Graph, passes: readonly Pass[] = INFERENCE_PASSES): Graph {
  return passes.reduce((current, pass) => pass(current), graph);
}
