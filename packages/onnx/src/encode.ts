/** A program as an ONNX file, by the public schema (schema/onnx.proto, as the onnx project publishes it). */
import { create, toBinary } from '@bufbuild/protobuf';
import type { OnnxAttribute, OnnxConstant, OnnxElement, OnnxProgram, OnnxValueInfo } from '@convkit/graph/onnx';
import { OnnxError } from './onnx-error.js';
import {
  AttributeProto_AttributeType as AttributeType, ModelProtoSchema, TensorProto_DataType as DataType, type AttributeProto, type TensorProto, type ValueInfoProto,
} from './onnx-schema.js';

/** Protocol buffers cannot be larger; ONNX' answer, weights in a second file, is not written here. */
const LARGEST = 2 ** 31 - 1;

/** The version of the file format that came with opset 17; what opset 20 added to it is not used. */
const IR_VERSION = 8n;

const ELEMENTS: Readonly<Record<OnnxElement, DataType>> = { float32: DataType.FLOAT, int64: DataType.INT64, bool: DataType.BOOL };

type Init<T> = Partial<Omit<T, '$typeName' | '$unknown'>>;

function attribute(name: string, value: OnnxAttribute): Init<AttributeProto> {
  if ('int' in value) return { name, type: AttributeType.INT, i: BigInt(value.int) };
  if ('ints' in value) return { name, type: AttributeType.INTS, ints: value.ints.map(BigInt) };
  if ('float' in value) return { name, type: AttributeType.FLOAT, f: value.float };
  if ('floats' in value) return { name, type: AttributeType.FLOATS, floats: [...value.floats] };
  return { name, type: AttributeType.STRING, s: new TextEncoder().encode(value.text) };
}

const tensor = ({ name, shape, data }: OnnxConstant): Init<TensorProto> => ({
  name, dims: shape.map(BigInt), dataType: data instanceof Float32Array ? DataType.FLOAT : DataType.INT64,
  rawData: new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength),
});

const info = ({ name, element, shape }: OnnxValueInfo) => ({
  name,
  type: {
    value: {
      case: 'tensorType' as const,
      value: {
        elemType: ELEMENTS[element],
        shape: { dim: shape.map((n) => ({ value: typeof n === 'string' ? { case: 'dimParam' as const, value: n } : { case: 'dimValue' as const, value: BigInt(n) } })) },
      },
    },
  },
}) as unknown as ValueInfoProto;

/**
 * The bytes of an ONNX file.
 * @param metadata Goes into the file's metadata_props.
 * @throws OnnxError ERR_ONNX_SIZE for more than 2 GB, before anything is encoded.
 */
export function encode(program: OnnxProgram, producerVersion: string, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  const bytes = program.constants.reduce((sum, { data }) => sum + data.byteLength, 0);
  if (bytes > LARGEST) {
    throw new OnnxError('ERR_ONNX_SIZE', `ONNX of "${program.name}": its weights take ${(bytes / 2 ** 30).toFixed(2)} GiB, and one ONNX file holds at most 2 GiB. Export a smaller variant.`);
  }
  const message = create(ModelProtoSchema, {
    irVersion: IR_VERSION,
    producerName: 'convkit',
    producerVersion,
    opsetImport: Object.entries(program.opsets).map(([domain, version]) => ({ domain, version: BigInt(version) })),
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    graph: {
      name: program.name,
      node: program.nodes.map(({ name, type, domain, inputs, outputs, attributes }) => ({
        name, opType: type, domain, input: [...inputs], output: [...outputs], attribute: Object.entries(attributes).map(([key, value]) => attribute(key, value)),
      })),
      initializer: program.constants.map(tensor),
      input: program.inputs.map(info),
      output: program.outputs.map(info),
    },
  } as Parameters<typeof create<typeof ModelProtoSchema>>[1]);
  return toBinary(ModelProtoSchema, message);
}
