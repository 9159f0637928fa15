import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunJob } from '../process/messages.js';
import { readResults } from '../records/read.js';
import { main } from './main.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'convkit cli \u00e9\u{1f642} '));
  await writeFile(join(folder, 'a-file'), '');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(argv: string[], options: { runJob?: RunJob; env?: Record<string, string>; signal?: AbortSignal } = {}) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await main(argv, {
    stdout, stderr, cwd: folder, env: options.env ?? {}, signal: options.signal ?? new AbortController().signal,
    ...(options.runJob === undefined ? {} : { runJob: options.runJob }),
  });
  return { code, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') };
}

const TRAIN = ['bench', 'accuracy', 'resnet_tiny'];

describe('a command line that is wrong', () => {
  it.each<[string, string[], string]>([
    ['an unknown flag close to a known one', [...TRAIN, '--epoch', '3'], '--epochs'],
    ['an unknown flag', ['list', '--colour'], "unknown option '--colour'"],
    ['a value that is missing at the end', [...TRAIN, '--epochs'], '--epochs <n>'],
    ['a flag where a value belongs', [...TRAIN, '--epochs', '--json'], '--epochs must be followed by a value'],
    ['an empty value', [...TRAIN, '--epochs='], '--epochs must be followed by a value, got nothing'],
    ['a blank value', [...TRAIN, '--epochs', ' '], '--epochs must be followed by a value'],
    ...['0x10', '1e3', '3abc', '-3', '1_000', '2.5', 'NaN', 'Infinity', '0', '99999999999999999999', '\u0663'].map(
      (value): [string, string[], string] => [`${value} for a count`, [...TRAIN, '--epochs', value], '--epochs must be'],
    ),
    ['a flag given twice', [...TRAIN, '--epochs', '1', '--epochs', '2'], '--epochs must be given once, got it twice'],
    ['a switch given twice', ['list', '--json', '--json'], '--json must be given once'],
    ['a value for a switch', ['list', '--json=no'], "unknown option '--json=no'"],
    ['a switch turned off that cannot be', ['list', '--no-json'], "unknown option '--no-json'"],
    ['two flags that exclude each other', ['bench', 'speed', 'resnet_tiny', '--quick', '--processes', '4'], "'--quick' cannot be used with option '--processes <n>'"],
    ['two formats at once', ['profile', 'resnet18', '--json', '--markdown'], "cannot be used with option '--markdown'"],
    ['a model that does not exist', ['profile', 'resnet19'], 'model must be a variant of the zoo or a model.json file, got "resnet19"'],
    ['a model that does not exist among good ones', ['compare', 'resnet18', 'vgg15'], '"vgg15"'],
    ['a data set that does not exist', [...TRAIN, '--data', 'fashion_mnist'], '--data must be one of auto, fashion-mnist, shapes'],
    ['an engine that does not exist', ['bench', 'speed', 'resnet_tiny', '--engine', 'wasmm'], '--engine must be one of'],
    ['a family that does not exist', ['list', '--family', 'resnets'], '--family must be one of'],
    ['an input of two numbers', ['profile', 'resnet18', '--input', '224x224'], '--input must be 3 positive integers HxWxC'],
    ['an input with a zero', ['profile', 'resnet18', '--input', '0x224x3'], '--input must be 3 positive integers HxWxC'],
    ['an input in capitals', ['profile', 'resnet18', '--input', '224X224X3'], '--input must be 3 positive integers HxWxC'],
    ['no classes', ['profile', 'resnet18', '--classes', '0'], '--classes must be an integer from 1'],
    ['a learning rate of nothing', [...TRAIN, '--learning-rate', '0'], '--learning-rate must be a number above 0'],
    ['a learning rate that is no number', [...TRAIN, '--learning-rate', 'NaN'], '--learning-rate must be a number above 0'],
    ['a seed beyond 32 bits', [...TRAIN, '--seeds', '1,4294967296'], '--seeds must be an integer from 0 to 4294967295'],
    ['a list with a gap', [...TRAIN, '--seeds', '1,,2'], '--seeds must be a comma-separated list without gaps'],
    ['an optimizer that does not exist', [...TRAIN, '--optimizer', 'adm'], '--optimizer must be one of sgd, adam'],
    ['more training images than there are', [...TRAIN, '--data', 'shapes', '--train-size', '900000'], '--train-size must be at most'],
    ['a command that does not exist', ['profil', 'vgg16'], "unknown command 'profil'"],
    ['no command at all', [], 'a command must be given'],
    ['a model too many', ['profile', 'resnet18', 'resnet34'], 'too many arguments'],
    ['no model where one is needed', ['profile'], "missing required argument 'model'"],
    ['a file where a folder belongs', ['bench', 'cost', 'resnet_tiny', '--out', 'a-file'], '--out must be a folder, got a file'],
    ['a folder inside a missing one', ['bench', 'cost', 'resnet_tiny', '--out', 'no/such/folder'], 'no/such does not exist'],
    ['a device where a folder belongs', ['bench', 'cost', 'resnet_tiny', '--out', '/dev/full'], '--out must be a folder'],
    ['a port beyond the last', ['serve', '--port', '65536'], '--port must be an integer from 0 to 65535'],
  ])('is refused with 2 and the reason: %s', async (_, argv, reason) => {
    const { code, out, err } = await run(argv);
    expect(`${code} ${err}`).toContain(reason);
    expect(code).toBe(2);
    if (!argv.some((flag) => flag.startsWith('--json'))) expect(out).toBe('');
    expect(err).not.toMatch(/undefined|\[object|\n {4}at /);
  });

  it.each([
    [[...TRAIN, '--epoch', '3'], 'Did you mean --epochs?'],
    [['profile', 'mobilenetv2'], 'did you mean mobilenet_v2'],
    [['profil', 'vgg16'], 'Did you mean profile?'],
    [[...TRAIN, '--data', 'fashion_mnist'], 'did you mean fashion-mnist?'],
  ])('%j gets a suggestion', async (argv, suggestion) => {
    expect((await run(argv)).err).toContain(suggestion);
  });

  it('still prints one JSON value when JSON was asked for', async () => {
    for (const argv of [['profile', 'resnet19', '--json'], ['list', '--json', '--wrong'], ['profile', 'none.json', '--json']]) {
      const { out, code } = await run(argv);
      expect(JSON.parse(out)).toMatchObject({ error: { exitCode: code, message: expect.any(String) } });
    }
  });
});

describe('a model file', () => {
  it.each<[string, string, string]>([
    ['that is missing', '', 'there is no such file'],
    ['that is empty', '', 'must be JSON'],
    ['that is no JSON', '{"a": 1,}', 'must be JSON'],
    ['that holds no object', '[1]', 'must hold a JSON object, got an array'],
    ['that is a graph model', '{"format": "graph-model", "modelTopology": {}}', 'must be a layers model, got a graph model'],
    ['that holds something else', '{"scores": []}', 'must hold modelTopology with a model_config, got the keys scores'],
    ['with a layer that nobody knows', '{"modelTopology": {"model_config": {"class_name": "Sequential", "config": {"name": "m", "layers": [{"class_name": "Nope", "config": {}}]}}}}', 'Nope'],
  ])('%s ends with 3 and the reason', async (what, text, reason) => {
    const name = `${what.replaceAll(' ', '-')}.json`;
    if (what !== 'that is missing') await writeFile(join(folder, name), text);
    const { code, err } = await run(['profile', what === 'that is missing' ? 'missing.json' : join(folder, name)]);
    expect(`${code} ${err}`).toContain(reason);
    expect(code).toBe(3);
  });

  it('that Keras saved is profiled', async () => {
    const layers = [
      { class_name: 'Conv2D', config: { name: 'c', filters: 4, kernel_size: [3, 3], strides: [1, 1], padding: 'same', activation: 'relu', use_bias: true, batch_input_shape: [null, 8, 8, 3], kernel_initializer: { class_name: 'GlorotUniform', config: { seed: null } } } },
      { class_name: 'GlobalAveragePooling2D', config: { name: 'g' } },
      { class_name: 'Dense', config: { name: 'd', units: 5 } },
    ];
    await writeFile(join(folder, 'keras.json'), JSON.stringify({ format: 'layers-model', modelTopology: { keras_version: '2.15.0', backend: 'tensorflow', model_config: { class_name: 'Sequential', config: { name: 's', layers } } }, weightsManifest: [] }));
    const { code, out } = await run(['profile', join(folder, 'keras.json'), '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ model: 'keras', family: 'user', input: [8, 8, 3], classes: 5, params: 112 + 25, macs: 8 * 8 * 27 * 4 + 20 });
  });
});

describe('what a command prints', () => {
  it('list --json is one array with the fields of every model', async () => {
    const { code, out } = await run(['list', '--json']);
    const entries = JSON.parse(out) as Record<string, unknown>[];
    expect(code).toBe(0);
    expect(entries.length).toBeGreaterThan(60);
    for (const entry of entries) expect(Object.keys(entry)).toEqual(expect.arrayContaining(['id', 'family', 'paper', 'year', 'params', 'macs', 'input']));
  });

  it('profile --json is one object with at least the promised fields', async () => {
    const { out } = await run(['profile', 'resnet50', '--json']);
    expect(JSON.parse(out)).toMatchObject({
      model: 'resnet50', family: 'resnet', input: [224, 224, 3], classes: 1000, params: 25_557_032, runningStats: 53_120, macs: 4_089_184_256, flops: 8_178_368_512,
      activations: 11_114_984, peakActivationBytes: expect.any(Number), weightsBytes: expect.any(Number), receptiveField: expect.any(Number),
    });
  });

  it('profile takes another input and another number of classes', async () => {
    const { out } = await run(['profile', 'resnet18', '--input', '64x64x3', '--classes', '10', '--json', '--layers']);
    expect(JSON.parse(out)).toMatchObject({ input: [64, 64, 3], classes: 10, layers: expect.any(Array) });
  });

  it('no table is wider than 80 columns', async () => {
    for (const argv of [['list'], ['compare', 'resnet18', 'mobilenet_v2', 'vgg16', 'resnet50'], ['doctor', '--no-measure'], ['profile', 'resnet18'], ['--help'], ['bench', 'accuracy', '--help']]) {
      const { out } = await run(argv);
      expect(Math.max(...out.split('\n').map((line) => line.length)), argv.join(' ')).toBeLessThanOrEqual(80);
    }
  });

  it('doctor looks at the speed of every engine that is here, without code of its own in this process, and says what follows', async () => {
    const jobs: string[][] = [];
    const runJob = (async (job: { engines: string[] }) => {
      jobs.push(job.engines);
      if (job.engines[0] === 'onnxruntime') return { status: 'crashed', failure: { message: 'signal SIGILL', log: [] } };
      const probes = Object.fromEntries(job.engines.map((id) => [id, { gflops: id === 'wasm' ? 20 : 50, size: 28, gigabytes: 4.5 }]));
      return { status: 'ok', result: { probes, tfjs: '4.22.0', flags: { WASM_HAS_SIMD_SUPPORT: true } } };
    }) as unknown as RunJob;
    const { code, out } = await run(['doctor', '--json'], { runJob });
    expect(code).toBe(0);
    const { machine, engines, advice } = JSON.parse(out) as { machine: object; engines: Record<string, unknown>[]; advice: { line: string }[] };
    expect(machine).toMatchObject({ cores: expect.any(Number), memBytes: expect.any(Number) });
    const byId = Object.fromEntries(engines.map((engine) => [engine['id'], engine]));
    expect(byId['wasm']).toMatchObject({ available: true, gflops: 20, gigabytes: 4.5 });
    expect(byId['onnxruntime']).toMatchObject({ available: true, error: 'crashed: signal SIGILL' });
    expect(byId['webgl']).toMatchObject({ available: false, reason: 'runs in a browser' });
    expect(advice[0]?.line).toMatch(/^use --engine \S+: 2\.5x wasm in this convolution$/);
    // Native code has a process to itself.
    expect(jobs[0]).toEqual(['wasm', 'wasm-threads', 'cpu']);
    for (const engines of jobs.slice(1)) expect(engines).toHaveLength(1);
    const text = (await run(['doctor'], { runJob })).out;
    expect(text).toMatch(/wasm +20\.0 +4\.50 +tfjs 4\.22\.0, 1 thread, SIMD/);
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it('compare puts models side by side', async () => {
    const { out } = await run(['compare', 'resnet18', 'mobilenet_v2']);
    expect(out).toMatch(/resnet18 +mobilenet_v2/);
    expect(out).toMatch(/MACs +1,814,073,344 +300,774,272/);
  });

  it('help and version need nothing but the command line', async () => {
    expect(await run(['--version'])).toMatchObject({ code: 0, out: '0.0.0\n' });
    const { code, out } = await run(['bench', 'speed', '--help']);
    expect(code).toBe(0);
    expect(out).toContain('--quick');
  });
});

describe('bench cost', () => {
  it('writes a record a model, in UTC and with a command without folders, whatever the surroundings', async () => {
    const { code, out } = await run(['bench', 'cost', 'resnet18', 'resnet18', 'vgg_tiny', '--out', 'r', '--json'], { env: { LC_ALL: 'de_DE.UTF-8', TZ: 'Asia/Kolkata' } });
    expect(code).toBe(0);
    expect(JSON.parse(out).records).toHaveLength(2);
    const { records, warnings } = await readResults(join(folder, 'r'));
    expect(warnings).toEqual([]);
    expect(records.map((record) => record.subject.variant).sort()).toEqual(['resnet18', 'vgg_tiny']);
    expect(records[0]?.provenance.command).toBe('npx convkit bench cost resnet18 resnet18 vgg_tiny');
    expect(records[0]?.created).toMatch(/Z$/);
    expect(JSON.stringify(records)).not.toContain(folder);
  });

  it.runIf(process.platform === 'linux')('ends with 4 before it counts when the folder cannot be made', async () => {
    const { code, err } = await run(['bench', 'cost', 'resnet18', '--out', '/proc/convkit']);
    expect(`${code} ${err}`).toMatch(/^4 .*--out must be a folder that can be written: ENOENT/);
  });

  it('adds to what is there and leaves no temporary file', async () => {
    await run(['bench', 'cost', 'resnet18', '--out', 'r2']);
    await run(['bench', 'cost', 'resnet18', '--out', 'r2']);
    const [day] = await readdir(join(folder, 'r2'));
    expect((await readdir(join(folder, 'r2', day!))).filter((name) => name.startsWith('cost-resnet18-') && name.endsWith('.json'))).toHaveLength(2);
    expect(await readdir(join(folder, 'r2', day!))).toHaveLength(2);
  });
});

describe('a measuring run', () => {
  const failing: RunJob = async () => ({ status: 'crashed', failure: { message: 'the measuring process ended without a result (signal SIGSEGV)', signal: 'SIGSEGV', log: ['last words'] } });

  it('of which one model crashes ends with 1, has it on record and goes on with the next', async () => {
    const { code, err } = await run(['bench', 'speed', 'resnet_tiny', 'vgg_tiny', '--quick', '--engine', 'wasm', '--out', 'crash'], { runJob: failing });
    expect(code).toBe(1);
    expect(err).toContain('resnet_tiny on wasm: crashed: the measuring process ended without a result (signal SIGSEGV)');
    const { records, warnings } = await readResults(join(folder, 'crash'));
    expect(warnings).toEqual([]);
    expect(records.map(({ subject, status }) => `${subject.variant} ${status}`).sort()).toEqual(['resnet_tiny crashed', 'vgg_tiny crashed']);
    expect(records[0]?.failure).toMatchObject({ signal: 'SIGSEGV', log: ['last words'] });
  });

  it.each([['SIGINT', 130], ['SIGTERM', 143]])('that gets %s ends with %i and keeps what is written', async (signal, expected) => {
    const controller = new AbortController();
    const out = `stopped-${signal}`;
    let jobs = 0;
    const runJob: RunJob = async (job, options) => {
      if (++jobs === 1) return failing(job, options);
      controller.abort(signal);
      return { status: 'interrupted', failure: { message: `interrupted by ${signal}`, log: [] } };
    };
    const { code } = await run(['bench', 'speed', 'resnet_tiny', 'vgg_tiny', 'mobilenet_v1_tiny', '--quick', '--engine', 'wasm', '--out', out], { runJob, signal: controller.signal });
    expect(code).toBe(expected);
    expect(jobs).toBe(2);
    expect((await readResults(join(folder, out))).records).toHaveLength(1);
  });

  it('asked for an engine that is not here ends with 4 and measures nothing', async () => {
    const { code, err } = await run(['bench', 'speed', 'resnet_tiny', '--engine', 'tensorflow', '--out', 'absent'], { runJob: failing });
    expect(code).toBe(4);
    expect(err).toContain('--engine tensorflow is not available here: @tensorflow/tfjs-node is not installed');
    expect(await readdir(folder)).not.toContain('absent');
  });
});
