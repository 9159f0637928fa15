import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { batchNorm, conv2d, dense, flatten, OptionError, resizeBilinear, type Lowering, type Value } from '@convkit/core';
import { TraceError } from '@convkit/graph';
import * as tf from '@tensorflow/tfjs-core';
import { input, layers, model, type LayersModel } from '@tensorflow/tfjs-layers';
import { fromBinary } from '@bufbuild/protobuf';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { encode } from './encode.js';
import { toOnnx, toProgram } from './index.js';
import { ModelProtoSchema } from './onnx-schema.js';

/** A third-party layer: deformable where it is exported, the identity where it runs. */
class Deformable extends layers.Layer {
  static readonly className = 'TestDeformable';
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return [inputs].flat()[0] as tf.Tensor;
  }
  lower(g: Lowering, [x]: readonly [Value]): Value {
    const window = { strides: [1, 1], padding: [1, 1, 1, 1], dilations: [1, 1] } as const;
    const offset = g.op('conv2d', [x, g.constant(0, [3, 3, 2, 18])], { ...window, groups: 1 });
    return g.op('deformConv2d', [x, g.constant(1, [3, 3, 2, 2]), offset], { ...window, modulated: false });
  }
}

beforeAll(() => tf.setBackend('wasm'));

let network: LayersModel;
beforeEach(() => {
  const x = input({ shape: [4, 6, 3], name: 'image' });
  network = model({ inputs: x, outputs: dense(flatten(batchNorm(conv2d(x, { filters: 2, kernelSize: 3, name: 'first' }), {})), { units: 5 }), name: 'small' });
});
afterEach(() => network.dispose());

describe('toProgram', () => {
  test('leaves the batch open under a name, or fixes it', async () => {
    const open = await toProgram(network);
    expect(open.inputs).toEqual([{ name: 'image', element: 'float32', shape: ['N', 4, 6, 3] }]);
    expect(open.outputs).toEqual([{ name: 'output', element: 'float32', shape: ['N', 5] }]);
    const fixed = await toProgram(network, { batch: 7 });
    expect([fixed.inputs[0]?.shape, fixed.outputs[0]?.shape]).toEqual([[7, 4, 6, 3], [7, 5]]);
  });

  test('turns images at the input, or takes them as they lie in torch', async () => {
    const types = async (inputLayout: 'nhwc' | 'nchw') => (await toProgram(network, { inputLayout })).nodes.map(({ type }) => type);
    expect(await types('nhwc')).toEqual(['Transpose', 'Conv', 'Reshape', 'Gemm', 'Identity']);
    expect(await types('nchw')).toEqual(['Conv', 'Reshape', 'Gemm', 'Identity']);
    expect((await toProgram(network, { inputLayout: 'nchw' })).inputs[0]?.shape).toEqual(['N', 3, 4, 6]);
  });

  test('takes another image size than the model declares', async () => {
    const x = input({ shape: [8, 8, 3] });
    const convolution = model({ inputs: x, outputs: conv2d(x, { filters: 2, kernelSize: 3 }) });
    expect((await toProgram(convolution, { inputShape: [10, 12, 3] })).outputs[0]?.shape).toEqual(['N', 8, 10, 2]);
    convolution.dispose();
  });

  test('raises the opset for an operation that needs a later one, and never lowers it', async () => {
    const opset = async (graph: LayersModel, wanted?: number) => (await toProgram(graph, wanted === undefined ? {} : { opset: wanted })).opsets[''];
    expect([await opset(network), await opset(network, 21)]).toEqual([17, 21]);
    const image = input({ shape: [5, 5, 2] });
    const deformable = model({ inputs: image, outputs: new Deformable().apply(image) as typeof image });
    expect([await opset(deformable), await opset(deformable, 20)]).toEqual([19, 20]);
    deformable.dispose();
    const x = input({ shape: [4, 4, 2] });
    const resized = model({ inputs: x, outputs: resizeBilinear(x, { size: [8, 8] }) });
    expect(await opset(resized)).toBe(17);
    resized.dispose();
  });

  test.each<[object, RegExp]>([
    [{ opset: 16 }, /toOnnx: opset must be an integer from 17 to 22, got 16|opset/],
    [{ inputLayout: 'chwn' }, /inputLayout must be one of/],
    [{ batch: 0 }, /batch must be/],
    [{ bach: 1 }, /unknown option bach, did you mean batch\?/],
  ])('refuses %j', async (options, message) => {
    await expect(toOnnx(network, options)).rejects.toThrow(OptionError);
    await expect(toOnnx(network, options)).rejects.toThrow(message);
  });

  test('names a layer that it cannot read, and leaves no tensor', async () => {
    const x = input({ shape: [3] });
    const repeated = model({ inputs: x, outputs: layers.repeatVector({ n: 2 }).apply(x) as typeof x });
    const before = tf.memory().numTensors;
    await expect(toOnnx(repeated)).rejects.toThrow(TraceError);
    await expect(toOnnx(repeated)).rejects.toThrow(/RepeatVector cannot be read as primitive ops/);
    await toOnnx(network);
    expect(tf.memory().numTensors).toBe(before);
    repeated.dispose();
  });
});

describe('the file', () => {
  test('says what made it, from which model, and what the caller adds', async () => {
    const file = fromBinary(ModelProtoSchema, await toOnnx(network, { metadata: { commit: '1234567' } }));
    expect(file.producerName).toBe('convkit');
    expect(file.opsetImport.map(({ domain, version }) => [domain, version])).toEqual([['', 17n]]);
    expect(Object.fromEntries(file.metadataProps.map(({ key, value }) => [key, value]))).toEqual({ model: 'small', commit: '1234567' });
    expect(file.graph?.name).toBe('small');
    expect(file.graph?.initializer.some(({ dims }) => dims.join() === '2,3,3,3')).toBe(true);
  });

  test('is refused above 2 GB, before anything is encoded', () => {
    // A view that only says that it is large.
    const huge = Object.defineProperty(new Float32Array(1), 'byteLength', { value: 1.5 * 2 ** 30 });
    const constant = (name: string) => ({ name, shape: [1], data: huge });
    const program = { name: 'giant', opsets: { '': 17 }, nodes: [], constants: [constant('a'), constant('b')], inputs: [], outputs: [] };
    expect(() => encode(program, '1.0.0')).toThrow(expect.objectContaining({ code: 'ERR_ONNX_SIZE', message: expect.stringMatching(/"giant": its weights take 3\.00 GiB, and one ONNX file holds at most 2 GiB/) }));
  });
});
