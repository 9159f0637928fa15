import { BLOCKED_DOMAIN, OnnxWriter } from '@convkit/graph/onnx';
import { encode, type OnnxRuntime } from '@convkit/onnx';
import type { TypedTensor } from 'onnxruntime-common';

const found = new WeakMap<OnnxRuntime, Promise<number | undefined>>();

/**
 * How many channels lie together in the images of onnxruntime's own convolutions on this machine (16 with AVX-512, 8 with
 * AVX2); undefined where they are missing, as in onnxruntime-web, or do not compute what is expected of them. Asked once.
 */
export function channelBlock(runtime: OnnxRuntime): Promise<number | undefined> {
  const known = found.get(runtime) ?? probe(runtime);
  found.set(runtime, known);
  return known;
}

/** The operators are onnxruntime's own business and say their block only by what they do: a small depthwise convolution, there and back. */
async function probe(runtime: OnnxRuntime): Promise<number | undefined> {
  const channels = 32;
  const w = new OnnxWriter(17);
  const blocked = w.op('ReorderInput', ['x'], {}, BLOCKED_DOMAIN);
  const scaled = w.op('Conv', [blocked, 'scale'], { kernel_shape: { ints: [1, 1] }, group: { int: channels } }, BLOCKED_DOMAIN);
  const y = w.op('ReorderOutput', [scaled], { channels: { int: channels } }, BLOCKED_DOMAIN);
  const program = w.program('probe', [
    { name: 'x', element: 'float32', shape: [1, channels, 1, 2] }, { name: 'scale', element: 'float32', shape: [channels, 1, 1, 1] },
  ], [{ name: 'blocked', value: blocked, shape: [1, channels, 1, 2] }, { name: 'y', value: y, shape: [1, channels, 1, 2] }]);
  const values = Float32Array.from({ length: channels * 2 }, (_, i) => i);
  const scale = Float32Array.from({ length: channels }, (_, i) => 1 + i);
  try {
    const session = await runtime.InferenceSession.create(encode(program, ''), { logSeverityLevel: 4 });
    const results = await session.run({ x: new runtime.Tensor('float32', values, [1, channels, 1, 2]), scale: new runtime.Tensor('float32', scale, [channels, 1, 1, 1]) });
    await session.release();
    const [inBlocks, there] = ['blocked', 'y'].map((name) => (results[name] as TypedTensor<'float32'>).data) as [Float32Array, Float32Array];
    // Where the second position of channel 0 went: behind a block of channels of the first.
    const block = inBlocks.indexOf(1);
    return block > 1 && there.every((value, i) => value === (values[i] ?? 0) * (scale[i >> 1] ?? 0)) ? block : undefined;
  } catch {
    return undefined;
  }
}
