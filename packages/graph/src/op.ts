import type { OpAttributes, OpKind, ValueShape } from '@convkit/core';
import type * as tf from '@tensorflow/tfjs-core';
import type { GradientContext } from './onnx/gradient.js';
import type { TrainingStep } from './onnx/training-step.js';
import type { OnnxValue, OnnxWriter } from './onnx/writer.js';

/** What one op costs, per image (batch 1). */
export interface OpCost {
  /** Multiply-accumulates of convolutions and dense layers (convention matmul-v1: no bias, zero-padding taps counted). */
  readonly macs: number;
  /** Everything else that is computed, in elementary operations; spec: one per add, compare, multiply; 4 per exponential. */
  readonly elementwise: number;
}

/** Window of an op that looks at neighbouring positions, for receptive fields. */
export interface OpWindow {
  readonly size: readonly [number, number];
  readonly strides: readonly [number, number];
  /** Padding at the top and left, before the dilated window. */
  readonly before: readonly [number, number];
}

/**
 * One primitive op with all its facets.
 */
export interface OpDefinition<K extends OpKind> {
  readonly kind: K;
  /** Output shape from input shapes; only the batch may be null. */
  shape(inputs: readonly ValueShape[], attributes: OpAttributes[K]): ValueShape;
  /** Cost from input shapes and the output shape, for one image. */
  cost(inputs: readonly ValueShape[], attributes: OpAttributes[K], output: ValueShape): OpCost;
  /** The value, with tfjs ops on the active backend. May return an input itself; must not dispose its inputs. */
  evaluate(inputs: readonly tf.Tensor[], attributes: OpAttributes[K], fused: OpAttributes['activation'] | undefined): tf.Tensor;
  /** Spatial window; absent for ops that look at one position only. */
  window?(inputs: readonly ValueShape[], attributes: OpAttributes[K]): OpWindow;
  /** Writes the op to an ONNX program; a fused activation is written by the caller. Images lie as NCHW there. */
  onnx(writer: OnnxWriter, inputs: readonly OnnxValue[], attributes: OpAttributes[K], output: ValueShape): OnnxValue;
  /** The same for a training step, where the op then acts otherwise. Default: `onnx`. */
  onnxTraining?(writer: OnnxWriter, inputs: readonly OnnxValue[], attributes: OpAttributes[K], output: ValueShape, step: TrainingStep): OnnxValue;
  /** d loss / d input for every input that needs it, written to the same program. Absent: the op cannot be trained through there. */
  gradient?(writer: OnnxWriter, context: GradientContext<K>): readonly (OnnxValue | undefined)[];
  /** The first version of ONNX' operators that can say it. Default: the writer's. */
  readonly opset?: number;
  /** Whether `evaluate` takes a fused activation. Default false. */
  readonly fuses?: boolean;
  /** Whether the output shares the input's memory. Default false. */
  readonly aliases?: boolean;
}

/** Gives an op definition its type. */
export function defineOp<K extends OpKind>(definition: OpDefinition<K>): OpDefinition<K> {
  return definition;
}

/** Elements of one image: the batch axis counts as 1. */
export function elements(shape: ValueShape): number {
  return shape.slice(1).reduce<number>((product, n) => product * (n ?? 1), 1);
}

/** A dimension that must be known. */
export function known(shape: ValueShape | undefined, axis: number): number {
  const length = shape?.at(axis);
  if (length === null || length === undefined) throw new Error(`axis ${axis} of the shape [${shape?.join(', ') ?? ''}] is not known`);
  return length;
}

/** The last axis of x, which must be as long as the weights say. @throws Error naming both. */
export function expectChannels(x: ValueShape, wanted: number): void {
  const found = known(x, -1);
  if (found !== wanted) throw new Error(`the weights take ${wanted} input channels, the input [${x.join(', ')}] has ${found}`);
}

/** The shape of an op's n-th input. */
export function inputShape(inputs: readonly ValueShape[], index: number): ValueShape {
  const shape = inputs[index];
  if (shape === undefined) throw new Error(`an op lacks its input ${index}`);
  return shape;
}
