// Fills the generated parts of the READMEs and of ARCHITECTURE.md, between these markers; everything else is written by hand:
//   <!-- packages:start --> ... <!-- packages:end -->                   the published packages, from their manifests
//   <!-- floors:start --> ... <!-- floors:end -->                       which package stands where, from their manifests
//   <!-- variants:start --> ... <!-- variants:end -->                   the variants of a family package, from the zoo
//   <!-- generated: convkit list --> ... <!-- generated:end -->         what the command prints
// Needs a build (it runs what users run). `--check` writes nothing and fails when a README is out of date.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { KINDS, readPlaces } from './floors.mjs';
import { isMain, readWorkspaces, report, ROOT } from './workspace.mjs';

/**
 * @typedef {{ id: string, family: string, paper: string, year: number, params: number, macs: number, input: readonly number[] }} Variant
 * @typedef {{ packages(): string, floors(): string, variants(): string, command(args: readonly string[]): string }} Parts  What goes between the markers.
 */

const number = new Intl.NumberFormat('en-US');

/** A Markdown table; `align` is one of `<` and `>` a column. @param {string} align @param {readonly (readonly string[])[]} rows  the first is the head */
export function table(align, rows) {
  const rule = [...align].map((side) => (side === '>' ? '--:' : '---'));
  const [head = [], ...body] = rows;
  return [head, rule, ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** @param {readonly import('./workspace.mjs').Workspace[]} workspaces */
export function packagesTable(workspaces) {
  const published = workspaces.filter(({ manifest }) => manifest.private !== true);
  return table('<<', [['Package', 'What it is'], ...published.map(({ dir, manifest }) => [`[\`${manifest.name}\`](${dir})`, manifest.description])]);
}

/** @param {readonly import('./workspace.mjs').Workspace[]} workspaces */
export function floorsTable(workspaces) {
  const { places } = readPlaces(workspaces);
  const rows = Object.entries(KINDS).map(([kind, { floor, what }]) => {
    const here = workspaces.filter(({ manifest }) => places.get(manifest.name)?.kind === kind);
    return [String(floor), `\`${kind}\``, what, here.map(({ dir, manifest }) => `[${manifest.name.replace('@convkit/', '')}](${dir})`).join(' ')];
  });
  return table('<<<<', [['Floor', 'Kind', 'What', 'Packages'], ...rows]);
}

/** @param {readonly Variant[]} variants  those of one package */
export function variantsTable(variants) {
  const several = new Set(variants.map((variant) => variant.paper)).size > 1;
  const head = ['Variant', ...(several ? ['Paper'] : []), 'Input', 'Params', 'MACs'];
  const rows = variants.map(({ id, paper, year, input, params, macs }) => [
    `\`${id}\``, ...(several ? [`${paper.split(':')[0]} (${year})`] : []), input.join(' x '), number.format(params), number.format(macs),
  ]);
  return table(several ? '<<<>>' : '<<>>', [head, ...rows]);
}

/**
 * Replaces what stands between the markers of one README.
 * @param {string} text @param {Parts} parts @returns {string}
 */
export function fill(text, parts) {
  return text
    .replace(/(<!-- packages:start -->\n)[^]*?(<!-- packages:end -->)/g, (_, start, end) => `${start}${parts.packages()}\n${end}`)
    .replace(/(<!-- floors:start -->\n)[^]*?(<!-- floors:end -->)/g, (_, start, end) => `${start}${parts.floors()}\n${end}`)
    .replace(/(<!-- variants:start -->\n)[^]*?(<!-- variants:end -->)/g, (_, start, end) => `${start}${parts.variants()}\n${end}`)
    .replace(/(<!-- generated: convkit ([^\n]*?) -->\n)[^]*?(<!-- generated:end -->)/g, (_, start, args, end) => {
      const printed = parts.command(args.split(' ')).trimEnd().replace(/[^\S\n]+$/gm, '');
      return `${start}\`\`\`text\n$ npx convkit ${args}\n${printed}\n\`\`\`\n${end}`;
    });
}

/** What a user reads who runs the command in a terminal of 100 columns without colours. @param {string} root @param {readonly string[]} args */
function printedBy(root, args) {
  const env = { ...process.env, NO_COLOR: '1', COLUMNS: '100' };
  return execFileSync(process.execPath, [path.join(root, 'bench/bin/convkit.js'), ...args], { cwd: root, encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'inherit'] });
}

/** The zoo's rows of the families that a package exports. @param {string} dir @param {readonly Variant[]} list @returns {Promise<Variant[]>} */
async function variantsOf(dir, list) {
  const exported = await import(pathToFileURL(path.join(ROOT, dir, 'dist/index.js')).href);
  const families = new Set(Object.values(exported).flatMap((value) => (value?.paper !== undefined && value?.variants !== undefined ? [value.id] : [])));
  return list.filter((variant) => families.has(variant.family));
}

if (isMain(import.meta.url)) {
  const workspaces = readWorkspaces(ROOT);
  const { zoo } = await import(pathToFileURL(path.join(ROOT, 'packages/zoo/dist/index.js')).href);
  /** @type {import('./workspace.mjs').Problem[]} */
  const stale = [];
  const files = ['README.md', 'ARCHITECTURE.md', ...workspaces.map(({ dir }) => `${dir}/README.md`)].filter((file) => existsSync(path.join(ROOT, file)));
  for (const file of files) {
    const text = readFileSync(path.join(ROOT, file), 'utf8');
    const variants = text.includes('<!-- variants:start -->') ? await variantsOf(path.posix.dirname(file), zoo.list()) : [];
    const wanted = fill(text, { packages: () => packagesTable(workspaces), floors: () => floorsTable(workspaces), variants: () => variantsTable(variants), command: (args) => printedBy(ROOT, args) });
    if (wanted === text) continue;
    if (process.argv.includes('--check')) stale.push({ from: file, message: 'is out of date: run npm run build && npm run readme' });
    else {
      writeFileSync(path.join(ROOT, file), wanted);
      console.error(`filled ${file}`);
    }
  }
  report(`${files.length} pages`, stale);
}
