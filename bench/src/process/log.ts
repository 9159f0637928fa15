import { homedir } from 'node:os';
import { dirname, sep } from 'node:path';
import { PACKAGE_ROOT } from '../package-root.js';

const KEPT_LINES = 20;
const LONGEST_LINE = 400;

/** Keeps the last lines of a child's output, without escape codes and without the machine's paths. */
export function lastLines(): { add(chunk: Buffer | string): void; lines(): string[] } {
  let text = '';
  return {
    add(chunk) {
      text = (text + String(chunk)).slice(-KEPT_LINES * LONGEST_LINE);
    },
    lines() {
      const lines = withoutPaths(text).replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '').split('\n');
      return lines.map((line) => line.trimEnd().slice(0, LONGEST_LINE)).filter((line) => line !== '').slice(-KEPT_LINES);
    },
  };
}

/** The text with paths of this checkout made relative and the home directory as ~: records are published. */
export function withoutPaths(text: string): string {
  const root = dirname(PACKAGE_ROOT) + sep;
  return text.replaceAll(`file://${root}`, '').replaceAll(root, '').replaceAll(homedir(), '~');
}

/** Whether V8, a typed array or wasm said that memory ran out. */
export function outOfMemory(text: string): boolean {
  return /heap out of memory|Array buffer allocation failed|Invalid (typed )?array (buffer )?length|Cannot enlarge memory|abort\(OOM\)|WebAssembly\.Memory\.grow/i.test(text);
}
