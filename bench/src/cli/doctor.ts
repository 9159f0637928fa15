import { availableParallelism, cpus, totalmem } from 'node:os';
import { Option, type Command } from 'commander';
import { bytes } from '@convkit/profile/numbers';
import type { EngineReport } from '../engines/catalog.js';
import type { Probe, ProbeResult } from '../suites/probe-job.js';
import { printJson, printLine } from './io.js';
import type { Session } from './program.js';
import { table } from './table.js';

/** For all engines of one process. */
const PROBE_TIMEOUT_MS = 120_000;
/** Engines without native code share a process. */
const PLAIN = ['wasm', 'wasm-threads', 'cpu'];

interface DoctorFlags {
  readonly json?: boolean;
  /** False with --no-measure. */
  readonly measure: boolean;
}

/** What is printed of one engine. */
type Row = EngineReport & Partial<Probe> & { readonly error?: string };

/** `convkit doctor`: which engines this machine has, how fast a look at them is, and why not the others. */
export function addDoctor(program: Command, session: Session): void {
  program
    .command('doctor')
    .description('which engines this machine has, a quick look at their speed, and why not the others')
    .addOption(new Option('--no-measure', 'only look, measure nothing'))
    .addOption(new Option('--json', 'one JSON object'))
    .action(async (flags: DoctorFlags) => {
      const { io } = session;
      const [{ surveyEngines }, { readLoad, isBusy }, { adviceFrom }, { readResults }, { defaultResultsFolder }] = await Promise.all([
        import('../engines/catalog.js'), import('../environment.js'), import('../suites/advice.js'), import('../records/read.js'), import('./results-folder.js'),
      ]);
      const load = await readLoad();
      const machine = {
        runtime: `node ${process.versions.node}`, cpu: cpus()[0]?.model.trim() ?? 'unknown', cores: availableParallelism(), memBytes: totalmem(),
        load: load.load?.one, busy: isBusy(load, availableParallelism()),
      };
      const reports = await surveyEngines();
      const { probes, tfjs, simd } = flags.measure ? await probeAll(session, reports) : { probes: {}, tfjs: undefined, simd: undefined };
      const engines: Row[] = reports.map((report) => ({ ...report, ...probes[report.id] }));
      const { records } = await readResults(defaultResultsFolder(io.cwd));
      const advice = adviceFrom(reports, probes, records);
      if (flags.json === true) {
        printJson(io, { machine, tfjs, simd, engines, advice });
        return;
      }
      printLine(io, `${machine.cpu}, ${machine.cores} cores, ${bytes(machine.memBytes)}, ${machine.runtime}`);
      if (machine.busy) printLine(io, `busy: load ${machine.load ?? 'unknown'}, figures are noisy`);
      printLine(io, '');
      const [here, missing] = [engines.filter(({ available }) => available), engines.filter(({ available }) => !available)];
      printLine(io, hereTable(here, { tfjs, simd, measure: flags.measure }));
      if (flags.measure) printLine(io, `\nGFLOP/s of one 3x3 convolution of 64 channels, GB/s of one pass over 12.8 MB:\na look of a second, which bench speed does properly. Engines of tfjs, webgpu\nand tensorflow have a form +compiled: the model folded and fused.`);
      printLine(io, '');
      printLine(io, missingTable(missing));
      if (advice.length > 0) printLine(io, `\n${advice.map(({ line }) => `- ${line}`).join('\n')}`);
    });
}

/** Looks at the speed of every engine that is here, native ones in a process each. */
async function probeAll({ io }: Session, reports: readonly EngineReport[]): Promise<{ probes: Record<string, Probe | { error: string }>; tfjs: string | undefined; simd: boolean | undefined }> {
  const [{ childRunner }, { workerEntry }] = await Promise.all([import('../process/child.js'), import('./run.js')]);
  const runJob = io.runJob ?? childRunner(workerEntry());
  const here = reports.filter(({ id, available }) => available && !id.endsWith('+compiled')).map(({ id }) => id);
  const groups = [here.filter((id) => PLAIN.includes(id)), ...here.filter((id) => !PLAIN.includes(id)).map((id) => [id])].filter((ids) => ids.length > 0);
  const probes: Record<string, Probe | { error: string }> = {};
  let known: ProbeResult | undefined;
  for (const engines of groups) {
    const outcome = await runJob({ kind: 'probe', engines }, { onEvent: () => undefined, signal: io.signal, timeoutMs: PROBE_TIMEOUT_MS });
    if (outcome.status === 'ok') Object.assign(probes, outcome.result.probes);
    else for (const id of engines) probes[id] = { error: `${outcome.status}: ${outcome.failure.message}` };
    if (outcome.status === 'ok') known ??= outcome.result;
  }
  return { probes, tfjs: known?.tfjs, simd: known?.flags['WASM_HAS_SIMD_SUPPORT'] };
}

/** Three digits, as many as a quick look has. */
const figure = (value: number | undefined): string => (value === undefined ? '' : value >= 100 ? value.toFixed(0) : value.toPrecision(value < 0.1 ? 1 : 3));

function hereTable(rows: readonly Row[], known: { tfjs: string | undefined; simd: boolean | undefined; measure: boolean }): string {
  const plain = rows.filter(({ id }) => !id.endsWith('+compiled'));
  const about = plain.map((row) => [row.id, figure(row.gflops), figure(row.gigabytes), details(row, known)]);
  const [name, gflops, gigabytes, on] = [{ title: 'engine', width: 20 }, { title: 'GFLOP/s', right: true, width: 9 }, { title: 'GB/s', right: true, width: 7 }, { title: 'on', width: known.measure ? 42 : 56 }];
  return known.measure ? table([name, gflops, gigabytes, on], about) : table([name, on], about.map(([id = '', , , what = '']) => [id, what]));
}

/** Version, threads, SIMD and GPU, as far as they are known. */
function details({ id, runtime, device, error }: Row, { tfjs, simd }: { tfjs: string | undefined; simd: boolean | undefined }): string {
  if (error !== undefined) return error;
  const flags = runtime?.flags ?? {};
  const version = flags['TENSORFLOW_VERSION'] ?? flags['ONNXRUNTIME_VERSION'] ?? flags['WEBGPU_PACKAGE'] ?? tfjs;
  const threads = runtime?.threads ?? (id === 'wasm' || id === 'cpu' ? 1 : undefined);
  const parts = [
    version === undefined ? undefined : `${libraryOf(id)} ${version}`,
    device === undefined ? undefined : `${device.name}${device.software ? ' (imitated by the processor)' : ''}`,
    threads === undefined ? undefined : `${threads} ${threads === 1 ? 'thread' : 'threads'}`,
    id.startsWith('wasm') && simd !== undefined ? (simd ? 'SIMD' : 'no SIMD') : undefined,
  ];
  return parts.filter((part) => part !== undefined).join(', ') || 'here';
}

const libraryOf = (id: string): string => (id.startsWith('tensorflow') ? 'TensorFlow' : id.startsWith('onnxruntime') ? 'onnxruntime' : id.startsWith('webgpu') ? 'Dawn, webgpu' : 'tfjs');

/** Forms of one engine lack the same thing. */
function missingTable(rows: readonly Row[]): string {
  const plain = rows.filter(({ id }) => !id.endsWith('+compiled'));
  return table([{ title: 'not here', width: 20 }, { title: 'why, and what would help', width: 56 }], plain.map(({ id, reason, hint }) => [id, [reason, hint].filter((part) => part !== undefined).join('; ')]));
}
