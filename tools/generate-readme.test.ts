import { expect, it } from 'vitest';
import { fill, floorsTable, packagesTable, variantsTable } from './generate-readme.mjs';

const parts = {
  packages: () => 'PACKAGES',
  floors: () => 'FLOORS',
  variants: () => 'VARIANTS',
  command: (args: readonly string[]) => `ran ${args.join('|')}  \nend\n\n`,
};

it('replaces what stands between markers and nothing else', () => {
  const text = 'a\n<!-- packages:start -->\nold\n\nold\n<!-- packages:end -->\nb\n<!-- variants:start -->\n<!-- variants:end -->\nc\n';
  expect(fill(text, parts)).toBe('a\n<!-- packages:start -->\nPACKAGES\n<!-- packages:end -->\nb\n<!-- variants:start -->\nVARIANTS\n<!-- variants:end -->\nc\n');
});

it('shows a command and what it printed, without spaces at line ends', () => {
  const text = '<!-- generated: convkit profile vgg16 -->\nold\n<!-- generated:end -->\n';
  expect(fill(text, parts)).toBe('<!-- generated: convkit profile vgg16 -->\n```text\n$ npx convkit profile vgg16\nran profile|vgg16\nend\n```\n<!-- generated:end -->\n');
});

it('changes nothing the second time', () => {
  const once = fill('<!-- generated: convkit list -->\n<!-- generated:end -->\n<!-- packages:start -->\n<!-- packages:end -->\n', parts);
  expect(fill(once, parts)).toBe(once);
});

it('lists published packages, and leaves private ones out', () => {
  const workspaces = [
    { dir: 'packages/vgg', manifest: { name: '@convkit/vgg', description: 'VGG.' } },
    { dir: 'testing', manifest: { name: '@convkit/testing', description: 'Tests.', private: true } },
  ];
  expect(packagesTable(workspaces)).toBe('| Package | What it is |\n| --- | --- |\n| [`@convkit/vgg`](packages/vgg) | VGG. |');
});

it('shows where each package stands', () => {
  const workspaces = [
    { dir: 'packages/vgg', manifest: { name: '@convkit/vgg', convkit: { kind: 'family' } } },
    { dir: 'packages/resnet', manifest: { name: '@convkit/resnet', convkit: { kind: 'family' } } },
    { dir: 'testing', manifest: { name: '@convkit/testing', private: true } },
  ];
  expect(floorsTable(workspaces)).toContain('\n| 3 | `family` | families and blocks | [vgg](packages/vgg) [resnet](packages/resnet) |\n');
  expect(floorsTable(workspaces)).not.toContain('testing');
});

it('names the paper of a variant, without its subtitle, when a package holds several', () => {
  const variant = { id: 'vgg16', family: 'vgg', paper: 'Very Deep: A Subtitle', year: 2014, params: 138357544, macs: 15470264320, input: [224, 224, 3] };
  expect(variantsTable([variant])).toContain('\n| `vgg16` | 224 x 224 x 3 | 138,357,544 | 15,470,264,320 |');
  expect(variantsTable([variant, { ...variant, paper: 'Other' }])).toContain('\n| `vgg16` | Very Deep (2014) | 224 x 224 x 3 |');
});
