import { floats, text, type OnnxAttributes, type OnnxConstant, type OnnxNode } from './program.js';
import { BLOCKED_DOMAIN } from './layout.js';

/** An activation as an attribute of a blocked convolution; undefined for other nodes. */
function asAttribute({ type, domain, inputs }: OnnxNode, constants: ReadonlyMap<string, OnnxConstant>): OnnxAttributes | undefined {
  if (domain !== '') return undefined;
  if (type === 'Relu') return { activation: text('Relu') };
  if (type !== 'Clip') return undefined;
  const limits = inputs.slice(1).map((name) => Number(constants.get(name)?.data[0] ?? Number.NaN));
  return limits.length === 2 && limits.every(Number.isFinite) ? { activation: text('Clip'), activation_params: floats(limits) } : undefined;
}

/** Lets blocked convolutions do the activations that are alone in reading them: one pass over the image less. */
export function fuseBlockedActivations(nodes: readonly OnnxNode[], constants: ReadonlyMap<string, OnnxConstant>): OnnxNode[] {
  const readers = new Map<string, number>();
  for (const { inputs } of nodes) for (const name of inputs) readers.set(name, (readers.get(name) ?? 0) + 1);
  const convolutions = new Map(nodes.flatMap((node) => (node.domain === BLOCKED_DOMAIN && node.type === 'Conv' ? [[node.outputs[0], node] as const] : [])));
  const fused = new Map<OnnxNode, OnnxNode>();
  const gone = new Set<OnnxNode>();
  for (const node of nodes) {
    const [source] = node.inputs;
    const convolution = convolutions.get(source);
    if (convolution === undefined || fused.has(convolution) || readers.get(source as string) !== 1) continue;
    const activation = asAttribute(node, constants);
    if (activation === undefined) continue;
    fused.set(convolution, { ...convolution, outputs: node.outputs, attributes: { ...convolution.attributes, ...activation } });
    gone.add(node);
  }
  return nodes.flatMap((node) => (gone.has(node) ? [] : [fused.get(node) ?? node]));
}
