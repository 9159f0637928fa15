import { expect, it } from 'vitest';
import { commandLine } from './command-line.js';

it('a record\'s command can be pasted and names no folder of the machine', () => {
  expect(commandLine(['bench', 'speed', 'resnet18', '--out', '/home/me/results', '--batch', '8', '--json'])).toBe('npx convkit bench speed resnet18 --batch 8');
  expect(commandLine(['bench', 'cost', '/home/me/my model.json', '--out=/tmp/x'])).toBe('npx convkit bench cost \'my model.json\'');
});
