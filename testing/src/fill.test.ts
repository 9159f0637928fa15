import { expect, test } from 'vitest';
import { fixtureStream, fixtureTensor } from './fill.js';

// Worked values printed with the fixtures (Python, numpy float32).
test.each([
  ['conv1.weight', [64, 3, 7, 7], [-0.11429706960916519, 0.17008015513420105, 0.011464483104646206, -0.08898887038230896]],
  ['bn1.running_var', [64], [0.8284040093421936, 0.7675961852073669, 0.9131612777709961, 1.0695277452468872]],
])('%s is filled with the published values', (name, shape, first) => {
  expect([...fixtureTensor(name, shape).subarray(0, 4)]).toEqual(first);
});

test('the input stream has the published values', () => {
  expect([...fixtureStream('input', [4])]).toEqual([0.9607202410697937, 0.5847392082214355, 0.2583402097225189, -0.38077718019485474]);
});
