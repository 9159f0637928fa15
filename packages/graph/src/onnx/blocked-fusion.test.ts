import { expect, it } from 'vitest';
import { fuseBlocked } from './blocked-fusion.js';
import { BLOCKED_DOMAIN } from './layout.js';
import type { OnnxNode } from './program.js';

const node = (type: string, inputs: readonly string[], output: string, domain = ''): OnnxNode => ({ name: output, type, domain, inputs, outputs: [output], attributes: {} });
const constants = new Map([['float 0', { name: 'float 0', shape: [], data: Float32Array.of(0) }], ['float 6', { name: 'float 6', shape: [], data: Float32Array.of(6) }]]);
const summary = (nodes: readonly OnnxNode[]) => fuseBlocked(nodes, { sums: new Set(), shifts: new Set() }, constants).map(({ type, outputs, attributes }) => ({ type, outputs, attributes }));

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

const added = (nodes: readonly OnnxNode[]) => fuseBlocked(nodes, { sums: new Set(['s']), shifts: new Set() }, constants).map(({ type, inputs, outputs }) => [type, inputs.join(), outputs[0]]);

it('the later of two blocked convolutions adds the other, and the activation behind them is its too', () => {
  expect(added([node('Conv', ['x', 'w'], 'y', BLOCKED_DOMAIN), node('Conv', ['u', 'v', 'b'], 'z', BLOCKED_DOMAIN), node('Add', ['y', 'z'], 's'), node('Relu', ['s'], 'r')])).toEqual([
    ['Conv', 'x,w', 'y'], ['Conv', 'u,v,b,y', 'r'],
  ]);
});

it('a convolution adds in the place of the sum, whose other operand may come behind the convolution', () => {
  expect(added([node('Conv', ['x', 'w'], 'y', BLOCKED_DOMAIN), node('Mul', ['p', 'q'], 'm'), node('Add', ['y', 'm'], 's')])).toEqual([['Mul', 'p,q', 'm'], ['Conv', 'x,w,,m', 's']]);
});

it('a sum stays where the convolution has another reader, is added to itself, or the shapes may differ', () => {
  const shared = [node('Conv', ['x', 'w'], 'y', BLOCKED_DOMAIN), node('Add', ['y', 'm'], 's'), node('Mul', ['y', 's'], 'v')];
  expect(added(shared).map(([type]) => type)).toEqual(['Conv', 'Add', 'Mul']);
  expect(added([node('Conv', ['x', 'w'], 'y', BLOCKED_DOMAIN), node('Add', ['y', 'y'], 's')]).map(([type]) => type)).toEqual(['Conv', 'Add']);
  expect(added([node('Conv', ['x', 'w'], 'y', BLOCKED_DOMAIN), node('Add', ['y', 'm'], 't')]).map(([type]) => type)).toEqual(['Conv', 'Add']);
});

const shifted = (nodes: readonly OnnxNode[]) => fuseBlocked(nodes, { sums: new Set(), shifts: new Set(['s']) }, constants).map(({ type, inputs, outputs }) => [type, inputs.join(), outputs[0]]);
const shift = node('Conv', ['y', 'ones', 'm'], 's', BLOCKED_DOMAIN);

it('a blocked convolution has a shift for its bias, in the place of the shift, whose number may come behind the convolution', () => {
  expect(shifted([node('Conv', ['x', 'w'], 'y', BLOCKED_DOMAIN), node('Neg', ['n'], 'm'), shift])).toEqual([['Neg', 'n', 'm'], ['Conv', 'x,w,m', 's']]);
  expect(shifted([node('Conv', ['x', 'w', 'b'], 'y', BLOCKED_DOMAIN), shift])).toEqual([['Add', 'b,m', 'y bias'], ['Conv', 'x,w,y bias', 's']]);
});

it('a convolution that is not in blocks has the shift of its reordered result for its bias', () => {
  expect(shifted([node('Conv', ['x', 'w'], 'z'), node('ReorderInput', ['z'], 'y', BLOCKED_DOMAIN), shift])).toEqual([['Conv', 'x,w,m', 'z'], ['ReorderInput', 'z', 's']]);
  const shared = [node('Conv', ['x', 'w'], 'z'), node('ReorderInput', ['z'], 'y', BLOCKED_DOMAIN), shift, node('Relu', ['z'], 'r')];
  expect(shifted(shared).map(([type]) => type)).toEqual(['Conv', 'ReorderInput', 'Conv', 'Relu']);
});

it('a shift stays where something else reads what it shifts, or nothing in blocks puts it out', () => {
  expect(shifted([node('Conv', ['x', 'w'], 'y', BLOCKED_DOMAIN), shift, node('Relu', ['y'], 'r')]).map(([type]) => type)).toEqual(['Conv', 'Conv', 'Relu']);
  expect(shifted([node('MaxPool', ['x'], 'y', BLOCKED_DOMAIN), shift]).map(([type]) => type)).toEqual(['MaxPool', 'Conv']);
});
