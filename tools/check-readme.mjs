import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { show } from './workspace.mjs';

/** @typedef {import('./workspace.mjs').Problem} Problem */

/**
 * @typedef {{ language: string, code: string, line: number }} Block  A fenced block; `line` counts from 1.
 */

/** The fenced blocks of a Markdown text. @param {string} text @returns {Block[]} */
function fencedBlocks(text) {
  /** @type {Block[]} */
  const blocks = [];
  /** @type {Block | undefined} */
  let open;
  text.split('\n').forEach((line, index) => {
    if (open !== undefined && /^```\s*$/.test(line)) {
      blocks.push(open);
      open = undefined;
    } else if (open !== undefined) {
      open.code += `${line}\n`;
    } else {
      const fence = /^```(\S*)/.exec(line);
      if (fence !== null) open = { language: fence[1] ?? '', code: '', line: index + 1 };
    }
  });
  return blocks;
}

/** The headings of a Markdown text, those inside fenced blocks left out. @param {string} text @returns {{ depth: number, title: string }[]} */
function headings(text) {
  const prose = text.replace(/^```[^]*?^```\s*$/gm, '');
  return [...prose.matchAll(/^(#+) (.+)$/gm)].map((match) => ({ depth: (match[1] ?? '').length, title: (match[2] ?? '').trim() }));
}

/**
 * The example that a README promises: its first js block, and the text block right after it with what it prints.
 * @param {string} text
 * @returns {{ code: string, prints: string } | undefined}
 */
export function exampleOf(text) {
  const blocks = fencedBlocks(text);
  const at = blocks.findIndex((block) => block.language === 'js');
  const code = blocks[at];
  const prints = blocks[at + 1];
  return code === undefined || prints?.language !== 'text' ? undefined : { code: code.code, prints: prints.code };
}

/**
 * The order of a package's README: title, what and why, Install, Example, its own sections, References.
 * The command's README shows commands instead of an example that a test runs.
 * @param {string} root @param {string} dir @param {Record<string, any>} manifest
 * @returns {Problem[]}
 */
export function checkReadme(root, dir, manifest) {
  const from = `${dir}/README.md`;
  const file = path.join(root, from);
  if (!existsSync(file)) return [{ from, message: 'must exist' }];
  const text = readFileSync(file, 'utf8');
  /** @type {string[]} */
  const messages = [];
  const [title, ...rest] = headings(text);
  const sections = rest.filter((heading) => heading.depth === 2).map((heading) => heading.title);
  if (!text.startsWith(`# ${manifest.name}\n`)) messages.push(`the first line must be "# ${manifest.name}", got ${show(title?.title)}`);
  const introduction = text.slice(text.indexOf('\n')).split(/^## /m)[0] ?? '';
  if (!/[A-Za-z].*\./.test(introduction)) messages.push('must say what it is and why between the title and the first section');
  if (sections[0] !== 'Install') messages.push(`the first section must be Install, got ${show(sections[0])}`);
  if (sections[1] !== 'Example') messages.push(`the second section must be Example, got ${show(sections[1])}`);
  if (sections.at(-1) !== 'References') messages.push(`the last section must be References, got ${show(sections.at(-1))}`);
  const install = text.split(/^## Install$/m)[1]?.split(/^## /m)[0] ?? '';
  if (!install.includes(manifest.name)) messages.push(`Install must name ${manifest.name}`);
  for (const peer of Object.keys(manifest.peerDependencies ?? {})) {
    if (manifest.peerDependenciesMeta?.[peer]?.optional === true) continue;
    if (!install.includes(peer)) messages.push(`Install must name the peer ${peer}`);
  }
  if (manifest.bin === undefined && exampleOf(text) === undefined) messages.push('Example must have a ```js block followed by a ```text block with what it prints');
  return messages.map((message) => ({ from, message }));
}
