import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import * as os from 'node:os';
import { promisify } from 'node:util';
import { PACKAGE_ROOT } from './package-root.js';
import type { ResultRecord } from './records/schema.js';

/** The environment group of a record. Holds no host name, user name or path. */
export type Environment = ResultRecord['environment'];

/** What can be read of the load now; taken before and after a run. */
export interface LoadReading {
  readonly load: { readonly one: number; readonly five: number; readonly fifteen: number } | undefined;
  /** Percent of the last ten seconds in which a process waited for a core (Linux only). */
  readonly pressure: number | undefined;
  /** Clock ticks that the hypervisor took away since boot (Linux only). */
  readonly stealTicks: number | undefined;
}

/** A share of the cores that others may use before a run counts as disturbed. */
const BUSY_LOAD_SHARE = 0.75;
const BUSY_PRESSURE_PERCENT = 10;

/** Reads load average, CPU pressure and stolen ticks; what the system does not tell is undefined. */
export async function readLoad(): Promise<LoadReading> {
  const [one, five, fifteen] = os.loadavg() as [number, number, number];
  // Windows reports zeros, which would read as an idle machine.
  const load = process.platform === 'win32' ? undefined : { one, five, fifteen };
  const [pressure, stat] = await Promise.all([textOf('/proc/pressure/cpu'), textOf('/proc/stat')]);
  const waiting = /^some avg10=([\d.]+)/m.exec(pressure ?? '')?.[1];
  const steal = /^cpu(?:\s+\d+){7}\s+(\d+)/m.exec(stat ?? '')?.[1];
  return {
    load,
    pressure: waiting === undefined ? undefined : Number(waiting),
    stealTicks: steal === undefined ? undefined : Number(steal),
  };
}

/** Whether others were using the machine before the run began. */
export function isBusy(before: LoadReading, cores: number): boolean {
  const loaded = before.load !== undefined && before.load.one > cores * BUSY_LOAD_SHARE;
  return loaded || (before.pressure !== undefined && before.pressure > BUSY_PRESSURE_PERCENT);
}

/**
 * The environment of a run that began at `before` and ended at `after`.
 * `flags` are the runtime's own (tfjs flags that matter), as the child process saw them.
 */
export async function describeEnvironment(options: {
  before: LoadReading;
  after: LoadReading;
  tfjs?: string | undefined;
  flags?: Environment['flags'];
}): Promise<Environment> {
  const { before, after } = options;
  const cpus = os.cpus();
  const source = await sourceState();
  const stolen = before.stealTicks === undefined || after.stealTicks === undefined ? undefined : after.stealTicks - before.stealTicks;
  return {
    os: `${os.type()} ${os.release()}`,
    arch: os.arch(),
    cpu: cpus[0]?.model.trim() || 'unknown',
    cores: os.availableParallelism(),
    memBytes: os.totalmem(),
    runtime: `node ${process.versions.node}`,
    tfjs: options.tfjs,
    flags: options.flags ?? {},
    loadBefore: before.load,
    loadAfter: after.load,
    cpuPressure: before.pressure === undefined && after.pressure === undefined ? undefined : { before: before.pressure, after: after.pressure },
    stealTicks: stolen === undefined ? undefined : Math.max(0, stolen),
    noisy: isBusy(before, os.availableParallelism()),
    commit: source?.commit,
    dirty: source?.dirty,
  };
}

/** The commit that this code was checked out from, or undefined when it was installed from a package. */
async function sourceState(): Promise<{ commit: string; dirty: boolean } | undefined> {
  const run = promisify(execFile);
  const git = async (...args: string[]): Promise<string> => (await run('git', ['-C', PACKAGE_ROOT, ...args], { timeout: 5000 })).stdout.trim();
  try {
    // Inside somebody's node_modules git would answer with their commit: only a tracked manifest is ours.
    await git('ls-files', '--error-unmatch', 'package.json');
    const commit = await git('rev-parse', 'HEAD');
    const changes = await git('status', '--porcelain', '--untracked-files=no');
    return { commit, dirty: changes !== '' };
  } catch {
    return undefined;
  }
}

async function textOf(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(() => undefined);
}
