// Runs the example of the root's and every package's README on source and compares what it prints with the block below it.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { formatWithOptions } from 'node:util';
import { afterAll, expect, it, vi } from 'vitest';
import { exampleOf } from './check-readme.mjs';
import { readWorkspaces, ROOT } from './workspace.mjs';

// Inside the repository, so that packages are found, and outside node_modules, so that they are found as source.
const folder = path.join(ROOT, 'tmp', `readme-examples-${process.pid}`);
mkdirSync(folder, { recursive: true });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function printedBy(name: string, code: string): Promise<string> {
  const lines: string[] = [];
  const log = vi.spyOn(console, 'log').mockImplementation((...values: unknown[]) => {
    lines.push(formatWithOptions({ colors: false }, ...values));
  });
  try {
    const file = path.join(folder, `${name}.mjs`);
    writeFileSync(file, code);
    await import(/* @vite-ignore */ file);
  } finally {
    log.mockRestore();
  }
  return lines.map((line) => `${line}\n`).join('');
}

/** Spaces at line ends carry nothing and editors remove them. */
const trimmed = (text: string) => text.replace(/[^\S\n]+$/gm, '');

const packages = readWorkspaces(ROOT).map(({ dir }) => dir).filter((dir) => dir.startsWith('packages/'));
const readmes = ['README.md', ...packages.map((dir) => `${dir}/README.md`)].filter((file) => existsSync(path.join(ROOT, file)));

it.each(readmes)('the example in %s prints what it says', async (file) => {
  const example = exampleOf(readFileSync(path.join(ROOT, file), 'utf8'));
  expect(example).toBeDefined();
  if (example !== undefined) expect(trimmed(await printedBy(file.replaceAll(/\W/g, '-'), example.code))).toBe(trimmed(example.prints));
});

it('sees a difference', async () => {
  expect(await printedBy('difference', "console.log('a', [1, 2]);\nconsole.log({ b: 3 });\n")).toBe('a [ 1, 2 ]\n{ b: 3 }\n');
});
