import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** What a package of blocks or layers exports. */
export type BlockPackage = Readonly<Record<string, unknown>> & {
  /** There where the package has layers of its own. */
  registerLayers?: () => void;
};

const PACKAGES = new URL('../../../packages/', import.meta.url);
const KINDS = ['base', 'family'];

/** The source of every package whose package.json says that it holds blocks and layers, by folder. */
export async function blockPackages(): Promise<ReadonlyMap<string, BlockPackage>> {
  const folders = readdirSync(PACKAGES).filter((folder) => {
    const manifest = new URL(`${folder}/package.json`, PACKAGES);
    const { convkit } = JSON.parse(existsSync(manifest) ? readFileSync(manifest, 'utf8') : '{}') as { convkit?: { kind?: string } };
    return KINDS.includes(convkit?.kind ?? '');
  });
  return new Map(await Promise.all(folders.map(async (folder) => [folder, (await import(new URL(`${folder}/src/index.ts`, PACKAGES).href)) as BlockPackage] as const)));
}
