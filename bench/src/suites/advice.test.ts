import { describe, expect, it } from 'vitest';
import type { EngineReport } from '../engines/catalog.js';
import type { ResultRecord } from '../records/schema.js';
import { adviceFrom, recordedAgainstWasm } from './advice.js';

const here = (id: string): EngineReport => ({ id, available: true });
const absent = (id: string, hint: string): EngineReport => ({ id, available: false, reason: 'is not installed', hint });
const probe = (gflops: number) => ({ gflops, size: 28, gigabytes: 5 });

/** A record of `engine` that took `share` of wasm's time. */
const record = (engine: string, share: number, cpu = 'EPYC') =>
  ({ speed: { engine, mode: 'infer', rivals: [{ engine: 'wasm', ratio: { median: share } }] }, environment: { cpu } }) as unknown as ResultRecord;

describe('advice', () => {
  it('names the fastest engine that is here, by what was just measured', () => {
    expect(adviceFrom([here('wasm'), here('onnxruntime')], { wasm: probe(25), onnxruntime: probe(100) }, [])).toEqual([
      { engine: 'onnxruntime', times: 4, line: 'use --engine onnxruntime: 4.0x wasm in this convolution' },
    ]);
    expect(adviceFrom([here('wasm'), here('cpu')], { wasm: probe(25), cpu: probe(0.5) }, [])).toEqual([]);
    expect(adviceFrom([here('wasm'), here('wasm-threads')], { wasm: probe(25), 'wasm-threads': { error: 'crashed' } }, [])).toEqual([]);
  });

  it('says what to install with the ratio that was recorded: the geometric mean of what there is', () => {
    const records = [record('onnxruntime', 1 / 2), record('onnxruntime', 1 / 8, 'Xeon'), record('wasm', 1), record('tensorflow', 0.1)];
    expect(recordedAgainstWasm(records, 'onnxruntime')).toEqual({ times: expect.closeTo(4, 9), records: 2, cpus: ['EPYC', 'Xeon'] });
    expect(adviceFrom([absent('onnxruntime', 'npm install onnxruntime-node')], {}, records)).toEqual([
      { engine: 'onnxruntime', times: expect.closeTo(4, 9), line: 'npm install onnxruntime-node for onnxruntime: 4.0x wasm in 2 records (EPYC, Xeon)' },
    ]);
  });

  it('gives no ratio where nothing was recorded, and none to what was no faster', () => {
    expect(adviceFrom([absent('tensorflow', 'npm install @tensorflow/tfjs-node, or prepare it')], {}, [])).toEqual([
      { engine: 'tensorflow', line: 'npm install @tensorflow/tfjs-node for tensorflow: no record says how fast' },
    ]);
    expect(adviceFrom([absent('tensorflow', 'npm install @tensorflow/tfjs-node')], {}, [record('tensorflow', 1)])).toEqual([]);
    // Nobody knows whether there is a GPU.
    expect(adviceFrom([absent('webgpu', 'npm install webgpu'), absent('webgl', 'open the page')], {}, [])).toEqual([]);
  });
});
