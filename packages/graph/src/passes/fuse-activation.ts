import { isKind, isOp, readers } from '../graph.js';
import { opOf } from '../ops/index.js';
import { rewrite, type Pass } from './rewrite.js';

/** Activations that backends fuse into their kernels. */
const FUSABLE = new Set(['relu', 'relu6']);

/** Moves an activation into the op before it, where nothing else reads that op's output. */
export const fuseActivation: Pass = (graph) => {
  const uses = readers(graph);
  return rewrite(graph, (node, _, builder, renew) => {
    if (!isKind(node, 'activation') || !FUSABLE.has(node.attributes.kind)) return undefined;
    const producer = node.inputs[0];
    if (producer === undefined || !isOp(producer) || producer.fused !== undefined || !opOf(producer.kind).fuses || uses.get(producer) !== 1) return undefined;
    return builder.at(producer.origin).opWith(producer.kind, producer.inputs.map(renew), producer.attributes, node.attributes);
  });
};
