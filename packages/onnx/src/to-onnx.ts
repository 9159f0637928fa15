import { option, readOptions, type ImageShape } from '@convkit/core';
import { evaluateConstants, EXPORT_PASSES, graphOf, optimize, type Graph, type GraphNode } from '@convkit/graph';
import { NCHW, OnnxWriter, opsetOf, PLAIN, shapeIn, writeForward, type OnnxProgram, type OnnxValue } from '@convkit/graph/onnx';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import manifest from '../package.json' with { type: 'json' };
import { encode } from './encode.js';

export interface OnnxOptions {
  /** Version of ONNX' operators; higher where an op of the model needs it (deformable convolution 19). Default 17. */
  opset?: number;
  /** How input images lie: as in tfjs, or as in torch. Outputs are as in tfjs. Default 'nhwc', with one Transpose at the border. */
  inputLayout?: 'nhwc' | 'nchw';
  /** Images a run. Default: open, under the name N. */
  batch?: number;
  /** [H, W, C] in place of what the model declares. */
  inputShape?: ImageShape;
  /** Goes into the file's metadata, such as the model's id and the commit it was built from. */
  metadata?: Readonly<Record<string, string>>;
}

const entries = {
  opset: option.withDefault(option.integer(17, 22), 17),
  inputLayout: option.withDefault(option.oneOf(['nhwc', 'nchw']), 'nhwc'),
  batch: option.optional(option.integer(1)),
  inputShape: option.optional(option.imageShape()),
  metadata: option.optional(option.texts()),
} as const;

/**
 * A model (or a graph) as an ONNX program: as EXPORT_PASSES rewrite it, NCHW inside with
 * transposes only at the borders. Reads the weights as they are now.
 * @throws TraceError for a layer that cannot be read as primitive ops, OptionError for an impossible option.
 */
export async function toProgram(model: LayersModel | Graph, options: OnnxOptions = {}): Promise<OnnxProgram> {
  const { opset, inputLayout, batch, inputShape } = readOptions('toOnnx', entries, options);
  const graph = optimize(graphOf(model, inputShape === undefined ? {} : { inputShape: [...inputShape] }), EXPORT_PASSES);
  const writer = new OnnxWriter(opsetOf(graph, opset));
  const constants = evaluateConstants(graph);
  const values = new Map<GraphNode, OnnxValue>();
  try {
    let number = 0;
    for (const [node, tensor] of constants) {
      const values32 = (await tensor.data()) as Float32Array;
      values.set(node, writer.constant(nameOf(node, number++), values32, node.shape as number[]));
    }
  } finally {
    for (const tensor of constants.values()) tensor.dispose();
  }
  const length = (n: number | null) => n ?? batch ?? 'N';
  const inputs = graph.inputs.map((node) => {
    const layout = inputLayout === 'nchw' && node.shape.length === 4 ? NCHW : PLAIN;
    const name = writer.fresh(node.origin.layer);
    values.set(node, { name, shape: node.shape, layout });
    return { name, element: 'float32' as const, shape: shapeIn(layout, node.shape).map(length) };
  });
  const computed = writeForward(writer, graph, (node) => values.get(node));
  const results = graph.outputs.map((node) => ({
    value: writer.as(computed.get(node) as OnnxValue, PLAIN), name: writer.fresh(graph.outputs.length === 1 ? 'output' : node.origin.layer), shape: node.shape.map(length),
  }));
  return writer.program(graph.name, inputs, results);
}

/** A weight's name says its layer; what passes made of weights is numbered. */
function nameOf(node: GraphNode, number: number): string {
  return node.kind === 'weight' ? node.variable.originalName : `${node.origin.layer}/constant ${number}`;
}

/**
 * A model as the bytes of an ONNX file.
 * @throws OnnxError for more than 2 GB of weights, TraceError for a layer that cannot be read as primitive ops,
 *   OptionError for an impossible option.
 */
export async function toOnnx(model: LayersModel | Graph, options: OnnxOptions = {}): Promise<Uint8Array> {
  const program = await toProgram(model, options);
  return encode(program, manifest.version, { model: program.name, ...options.metadata });
}
