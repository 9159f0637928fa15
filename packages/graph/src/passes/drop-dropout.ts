import { isKind } from '../graph.js';
import { rewrite, type Pass } from './rewrite.js';

/** Removes what is the identity at inference: dropout, and factors on gradients. */
export const dropDropout: Pass = (graph) => rewrite(graph, (node, [input]) => (isKind(node, 'dropout') || isKind(node, 'scaleGradient') ? input : undefined));
