import { reachable, type Graph } from '../graph.js';
import type { Pass } from './rewrite.js';

/** Leaves out what no output needs; inputs stay. */
export const removeDeadCode: Pass = (graph: Graph) => ({ ...graph, nodes: reachable(graph.outputs, graph.inputs) });
