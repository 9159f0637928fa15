import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { blockPackages } from './block-packages.js';
import { checkContract, checkSaving } from './checks.js';
import { contractModel } from './contract.js';
import { DESCRIPTORS, NO_BLOCKS, rowName } from './descriptors.js';
import { EXCEPTIONS, TOLERANCES, unexpected } from './tolerances.js';

const packages = await blockPackages();
for (const { registerLayers } of packages.values()) registerLayers?.();

describe.each(['wasm', 'cpu'] as const)('the contract of every block and layer on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  test.each(DESCRIPTORS.map((descriptor) => [rowName(descriptor), descriptor] as const))('%s', async (name, descriptor) => {
    const { failures } = await checkContract(descriptor, TOLERANCES[backend]);
    expect(unexpected(backend, name, [...failures, ...(await checkSaving(descriptor))])).toEqual([]);
  });
});

test('every row has a name of its own, and every exception speaks of a row', () => {
  const names = DESCRIPTORS.map(rowName);
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
  expect(EXCEPTIONS.filter(({ row }) => !names.includes(row))).toEqual([]);
});

const exported = [...packages].flatMap(([folder, exports]) => Object.entries(exports).flatMap(([name, value]) => (typeof value === 'function' && !NO_BLOCKS.has(name) ? [{ folder, name, value }] : [])));
const isLayerClass = ({ value }: { value: unknown }) => (value as { prototype?: unknown }).prototype instanceof layers.Layer;

test('every exported block has a row', () => {
  const blocks = exported.filter((entry) => !isLayerClass(entry)).map(({ name }) => name);
  expect([...new Set(DESCRIPTORS.map(({ exported }) => exported))].sort()).toEqual([...new Set(blocks)].sort());
});

test('every exported layer class is behind a row, and its package registers it', () => {
  const used = new Set(DESCRIPTORS.flatMap((descriptor) => contractModel(descriptor).layers.map((layer) => layer.constructor.name)));
  const registered = Object.keys(tf.serialization.SerializationMap.getMap().classNameMap);
  const classes = exported.filter(isLayerClass).map(({ folder, name, value }) => ({ folder, name, className: (value as unknown as typeof layers.Layer & { className: string }).className }));
  expect(classes.length).toBeGreaterThan(0);
  expect(classes.filter(({ name }) => !used.has(name))).toEqual([]);
  expect(classes.filter(({ className }) => !registered.includes(className))).toEqual([]);
});
