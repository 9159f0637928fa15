import { floats, text, type OnnxAttributes, type OnnxConstant, type OnnxNode } from './program.js';
import { BLOCKED_DOMAIN } from './layout.js';

/** Image, kernel, bias and what is added: the inputs of a blocked convolution. */
const ADDED = 3;

/** How often every value is read, and the blocked convolutions by what they put out. */
function survey(nodes: readonly OnnxNode[]): { readers: Map<string, number>; convolutions: Map<string, OnnxNode> } {
  const readers = new Map<string, number>();
  for (const { inputs } of nodes) for (const name of inputs) readers.set(name, (readers.get(name) ?? 0) + 1);
  const convolutions = new Map(nodes.flatMap((node) => (node.domain === BLOCKED_DOMAIN && node.type === 'Conv' ? [[node.outputs[0] as string, node] as const] : [])));
  return { readers, convolutions };
}

/**
 * Lets the later of two blocked convolutions, or the only one, add the other operand while it writes, where nothing else reads it: into the
 * operand's own memory if that is free by then. It takes the sum's place, since the other operand may be written behind it.
 * @param sums Additions whose operands are of one shape.
 */
function fuseSums(nodes: readonly OnnxNode[], sums: ReadonlySet<string>): OnnxNode[] {
  const { readers, convolutions } = survey(nodes);
  const fused = new Map<OnnxNode, OnnxNode>();
  const gone = new Set<OnnxNode>();
  for (const node of nodes) {
    if (!sums.has(node.name)) continue;
    const own = [...node.inputs].reverse().find((name) => convolutions.has(name) && readers.get(name) === 1);
    const convolution = convolutions.get(own ?? '');
    if (convolution === undefined) continue;
    const [other] = node.inputs.filter((name) => name !== own) as [string];
    const [image, kernel, bias = ''] = convolution.inputs as [string, string, string?];
    const inputs: string[] = [image, kernel, bias];
    inputs[ADDED] = other;
    const sum: OnnxNode = { ...convolution, inputs, outputs: node.outputs };
    fused.set(node, sum);
    gone.add(convolution);
    convolutions.delete(own as string);
  }
  return nodes.flatMap((node) => (gone.has(node) ? [] : [fused.get(node) ?? node]));
}

/** An activation as an attribute of a blocked convolution; undefined for other nodes. */
function asAttribute({ type, domain, inputs }: OnnxNode, constants: ReadonlyMap<string, OnnxConstant>): OnnxAttributes | undefined {
  if (domain !== '') return undefined;
  if (type === 'Relu') return { activation: text('Relu') };
  if (type !== 'Clip') return undefined;
  const limits = inputs.slice(1).map((name) => Number(constants.get(name)?.data[0] ?? Number.NaN));
  return limits.length === 2 && limits.every(Number.isFinite) ? { activation: text('Clip'), activation_params: floats(limits) } : undefined;
}

/** Lets blocked convolutions do the activations that are alone in reading them. */
function fuseActivations(nodes: readonly OnnxNode[], constants: ReadonlyMap<string, OnnxConstant>): OnnxNode[] {
  const { readers, convolutions } = survey(nodes);
  const fused = new Map<OnnxNode, OnnxNode>();
  const gone = new Set<OnnxNode>();
  for (const node of nodes) {
    const [source] = node.inputs;
    const convolution = convolutions.get(source ?? '');
    if (convolution === undefined || fused.has(convolution) || readers.get(source as string) !== 1) continue;
    const activation = asAttribute(node, constants);
    if (activation === undefined) continue;
    fused.set(convolution, { ...convolution, outputs: node.outputs, attributes: { ...convolution.attributes, ...activation } });
    gone.add(node);
  }
  return nodes.flatMap((node) => (gone.has(node) ? [] : [fused.get(node) ?? node]));
}

/**
 * Lets convolutions do the shifts by channel that are alone in reading them, with their bias; other ones than onnxruntime's blocked operators too, whose
 * results come to blocks behind them. They take the shift's place, since its number may be written behind them.
 */
function fuseShifts(nodes: readonly OnnxNode[], shifts: ReadonlySet<string>): OnnxNode[] {
  const { readers } = survey(nodes);
  const writers = new Map(nodes.map((node) => [node.outputs[0] as string, node]));
  /** The only node that writes a value which has one reader. */
  const alone = (name: string, type: string) => { const node = readers.get(name) === 1 ? writers.get(name) : undefined; return node?.type === type ? node : undefined; };
  const gone = new Set<OnnxNode>();
  const fused = new Map<OnnxNode, readonly OnnxNode[]>();
  for (const node of nodes) {
    if (!shifts.has(node.name)) continue;
    const [source, , shift] = node.inputs as [string, string, string];
    const reordering = alone(source, 'ReorderInput');
    const convolution = alone(reordering?.inputs[0] ?? source, 'Conv');
    if (convolution === undefined) continue;
    const [image, kernel, bias = ''] = convolution.inputs as [string, string, string?];
    const both = `${convolution.name} bias`;
    const sum: OnnxNode[] = bias === '' ? [] : [{ name: both, type: 'Add', domain: '', inputs: [bias, shift], outputs: [both], attributes: {} }];
    const shifted: OnnxNode = { ...convolution, inputs: [image, kernel, bias === '' ? shift : both] };
    fused.set(node, [...sum, ...(reordering === undefined ? [{ ...shifted, outputs: node.outputs }] : [shifted, { ...reordering, outputs: node.outputs }])]);
    for (const replaced of [convolution, reordering]) if (replaced !== undefined) gone.add(replaced);
  }
  return nodes.flatMap((node) => (gone.has(node) ? [] : fused.get(node) ?? [node]));
}

/** What was noted of nodes while they were written, by their names. */
export interface Notes {
  /** Additions whose operands are of one shape. */
  readonly sums: ReadonlySet<string>;
  /** Blocked convolutions that only add their bias to their image. */
  readonly shifts: ReadonlySet<string>;
}

/** Lets blocked convolutions shift, add and activate: one pass over the image less for each. */
export function fuseBlocked(nodes: readonly OnnxNode[], { sums, shifts }: Notes, constants: ReadonlyMap<string, OnnxConstant>): OnnxNode[] {
  return fuseActivations(fuseSums(fuseShifts(nodes, shifts), sums), constants);
}
