import { expect, it } from 'vitest';
import { fuseBlockedActivations } from './blocked-activation.js';
import { BLOCKED_DOMAIN } from './layout.js';
import type { OnnxNode } from './program.js';

const node = (type: string, inputs: readonly string[], output: string, domain = ''): OnnxNode => ({ name: output, type, domain, inputs, outputs: [output], attributes: {} });
const constants = new Map([['float 0', { name: 'float 0', shape: [], data: Float32Array.of(0) }], ['float 6', { name: 'float 6', shape: [], data: Float32Array.of(6) }]]);
const summary = (nodes: readonly OnnxNode[]) => fuseBlockedActivations(nodes, constants).map(({ type, outputs, attributes }) => ({ type, outputs, attributes }));

it('a blocked convolution takes over the only activation that reads it', () => {
  expect(summary([node('Conv', ['x', 'w'], 'y', BLOCKED_DOMAIN), node('Clip', ['y', 'float 0', 'float 6'], 'z')])).toEqual([
    { type: 'Conv', outputs: ['z'], attributes: { activation: { text: 'Clip' }, activation_params: { floats: [0, 6] } } },
  ]);
});

it('what something else reads too stays as it is, and so do other convolutions', () => {
  const shared = [node('Conv', ['x', 'w'], 'y', BLOCKED_DOMAIN), node('Relu', ['y'], 'z'), node('Mul', ['y', 'z'], 'v')];
  expect(summary(shared).map(({ type }) => type)).toEqual(['Conv', 'Relu', 'Mul']);
  expect(summary([node('Conv', ['x', 'w'], 'y'), node('Relu', ['y'], 'z')]).map(({ type }) => type)).toEqual(['Conv', 'Relu']);
});
