// `npm start` and `npm test`: makes sure the dependencies are there, then does the work. Uses nothing but Node,
// and no syntax that an old Node could not even read, so that the version check gets its turn.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** @param {string} line */
function say(line) {
  process.stderr.write(`convkit: ${line}\n`);
}

/** @param {string} version  '20.19.1' @param {string} range  '>=20.19' @returns {boolean} */
function satisfies(version, range) {
  const have = version.split('.').map(Number);
  const need = range.replace('>=', '').split('.').map(Number);
  const at = need.findIndex((part, index) => part !== have[index]);
  return at === -1 || Number(have[at]) > Number(need[at]);
}

/** npm writes node_modules/.package-lock.json last, so its date is the date of the last complete install. */
function needsInstall() {
  const installed = path.join(ROOT, 'node_modules', '.package-lock.json');
  if (!existsSync(installed)) return true;
  return statSync(path.join(ROOT, 'package-lock.json')).mtimeMs > statSync(installed).mtimeMs;
}

/** The script behind a dependency's command. @param {string} name @returns {string} */
function commandOf(name) {
  const folder = path.join(ROOT, 'node_modules', name);
  const bin = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')).bin;
  return path.join(folder, typeof bin === 'string' ? bin : bin[name]);
}

/**
 * Runs a program to its end and ends this process with it when it fails.
 * @param {string} command
 * @param {string[]} args
 * @param {{ quiet?: boolean, shell?: boolean, env?: NodeJS.ProcessEnv }} options  quiet: its output goes to stderr, so that stdout holds results only
 * @returns {Promise<void>}
 */
function run(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      stdio: ['inherit', options.quiet ? 2 : 'inherit', 'inherit'],
      shell: options.shell === true,
      env: Object.assign({}, process.env, options.env),
    });
    /** @param {NodeJS.Signals} signal */
    const forward = (signal) => {
      // Ctrl-C in a terminal reaches the whole process group: passing it on would make it two, and two mean "at once".
      const fromTerminal = signal === 'SIGINT' && (process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY);
      if (!fromTerminal) child.kill(signal);
    };
    /** @type {NodeJS.Signals[]} */
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, forward);
    child.on('error', (error) => {
      say(`could not start ${command}: ${error.message}`);
      process.exit(4);
    });
    child.on('close', (code, signal) => {
      for (const name of signals) process.removeListener(name, forward);
      if (signal !== null) process.exit(128 + os.constants.signals[signal]);
      if (code !== 0) process.exit(code === null ? 1 : code);
      resolve();
    });
  });
}

/** @returns {Promise<void>} */
function install() {
  if (!needsInstall()) return Promise.resolve();
  say('installing the dependencies (npm ci)');
  const npm = process.env.npm_execpath;
  if (npm !== undefined && /\.[cm]?js$/.test(npm)) return run(process.execPath, [npm, 'ci'], { quiet: true });
  return run('npm', ['ci'], { quiet: true, shell: process.platform === 'win32' });
}

/** @param {string[]} args @returns {Promise<void>} */
function test(args) {
  say('running the tests (vitest run)');
  return run(process.execPath, [commandOf('vitest'), 'run'].concat(args));
}

/** @param {string[]} args @returns {Promise<void>} */
function start(args) {
  say('building the benchmark and the leaderboard (turbo run build)');
  const build = ['run', 'build', '--filter=@convkit/bench...', '--filter=@convkit/leaderboard...', '--output-logs=errors-only'];
  // The code without its type declarations, which take most of a build: see library-config.ts.
  const env = { CONVKIT_DECLARATIONS: 'none', TURBO_TELEMETRY_DISABLED: '1', TURBO_NO_UPDATE_NOTIFIER: '1', DO_NOT_TRACK: '1' };
  return run(process.execPath, [commandOf('turbo')].concat(build), { quiet: true, env }).then(() => {
    say('starting the benchmark (convkit start)');
    return run(process.execPath, [path.join(ROOT, 'bench', 'bin', 'convkit.js'), 'start'].concat(args));
  });
}

const needed = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')).engines.node;
const name = process.argv[2];
const task = name === 'start' ? start : name === 'test' ? test : undefined;
if (!satisfies(process.versions.node, needed)) {
  say(`Node must be ${needed}, got ${process.versions.node}: install a newer one from https://nodejs.org`);
  process.exitCode = 4;
} else if (task === undefined) {
  say(`the task must be start or test, got ${JSON.stringify(name)}`);
  process.exitCode = 2;
} else {
  install().then(() => task(process.argv.slice(3)));
}
