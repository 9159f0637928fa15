import { expect, it } from 'vitest';
import { workOf } from './profile-work.mjs';

const event = (name: string, inputs: number[][], output: number[], operator = 'Conv') => ({
  cat: 'Node', name: `${name}_kernel_time`, ts: 0, dur: 1, args: { op_name: operator, input_type_shape: inputs.map((shape) => ({ float: shape })), output_type_shape: [{ float: output }] },
});

it('a convolution multiplies and adds once a tap and channel for every element of its result', () => {
  expect(workOf(event('stage1/conv', [[64, 16, 32, 32], [16, 16, 3, 3]], [64, 16, 32, 32]))).toMatchObject({ kind: 'forward convolutions', operations: 2 * 64 * 32 * 32 * 16 * 16 * 9 });
});

it('the roles of a step are told apart by name and shapes', () => {
  expect(workOf(event('gradient of conv', [[64, 16, 32, 32], [16, 16, 3, 3]], [64, 16, 32, 32])).kind).toBe('gradients of images');
  expect(workOf(event('gradient of conv', [[1, 64, 32, 544], [128, 8, 32, 32]], [1, 128, 3, 48]))).toMatchObject({ kind: 'gradients of kernels', operations: 2 * 64 * 32 * 32 * 16 * 16 * 9 });
  expect(workOf(event('gradient of bn', [[64, 16, 32, 32], [16, 1, 1, 1]], [64, 16, 32, 32]))).toMatchObject({ kind: 'scales by channel', operations: 0, bytes: 4 * (2 * 64 * 16 * 32 * 32 + 16) });
  expect(workOf(event('bn', [[1, 1024, 32, 32], [1024, 1, 32, 32]], [1, 1024, 1, 1])).kind).toBe('sums by channel');
});

it('other operators count by the bytes that they move, a reshape none', () => {
  expect(workOf(event('add', [[8, 4], [8, 4]], [8, 4], 'Add'))).toEqual({ kind: 'Add', operations: 0, bytes: 4 * 96 });
  expect(workOf(event('reshape', [[8, 4], [2]], [32], 'Reshape')).bytes).toBe(0);
});
