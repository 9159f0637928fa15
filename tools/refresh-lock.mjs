// Writes package-lock.json anew from the manifests alone. Run it after `npm install` changed the lock: beside an existing
// node_modules, npm leaves out the packages of other platforms and the checksums, and `npm ci` then fails elsewhere.
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readWorkspaces, ROOT } from './workspace.mjs';

const folder = mkdtempSync(path.join(tmpdir(), 'convkit-lock-'));
try {
  const manifests = ['.', ...readWorkspaces(ROOT).map(({ dir }) => dir)].map((dir) => path.join(dir, 'package.json'));
  for (const file of ['.npmrc', ...manifests]) cpSync(path.join(ROOT, file), path.join(folder, file));
  // npm links the commands of workspaces: it wants to see the files.
  for (const { dir, manifest } of readWorkspaces(ROOT)) {
    for (const file of Object.values(manifest.bin ?? {})) cpSync(path.join(ROOT, dir, file), path.join(folder, dir, file));
  }
  execFileSync('npm', ['install', '--package-lock-only', '--ignore-scripts'], { cwd: folder, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
  copyFileSync(path.join(folder, 'package-lock.json'), path.join(ROOT, 'package-lock.json'));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
