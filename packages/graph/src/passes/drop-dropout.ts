import { isKind } from '../graph.js';
import { rewrite, type Pass } from './rewrite.js';

/** Removes dropout, which is the identity at inference. */
export const dropDropout: Pass = (graph) => rewrite(graph, (node, [input]) => (isKind(node, 'dropout') ? input : undefined));
