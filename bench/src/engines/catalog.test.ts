import { describe, expect, it } from 'vitest';
import { chooseEngines, engineById, surveyEngines } from './catalog.js';

describe('the engines of this machine', () => {
  it('are all listed, each that cannot run with a reason', async () => {
    const reports = await surveyEngines();
    expect(reports.map((report) => report.id)).toEqual([
      'tensorflow-gpu', 'tensorflow-gpu+compiled', 'tensorflow', 'tensorflow+compiled', 'webgpu', 'webgpu+compiled', 'webgl', 'wasm', 'wasm+compiled', 'wasm-threads', 'wasm-threads+compiled', 'cpu', 'cpu+compiled', 'onnxruntime', 'onnxruntime+webgpu', 'onnxruntime+cuda', 'onnxruntime-web',
    ]);
    for (const report of reports) expect(report.available || (report.reason ?? '').length > 10).toBe(true);
    expect(reports.filter((report) => report.available).map((report) => report.id)).toEqual(expect.arrayContaining(['wasm', 'wasm+compiled', 'cpu', 'cpu+compiled', 'onnxruntime']));
  });

  it('chosen by auto are the first available, its compiled form and onnxruntime, and it says why', async () => {
    const { engines, because } = await chooseEngines(['auto']);
    expect(engines.map((engine) => engine.id)).toEqual(['wasm', 'wasm+compiled', 'onnxruntime']);
    expect(because).toContain('first available (not here: tensorflow-gpu, tensorflow, webgpu, webgl), and onnxruntime beside it');
  });

  it('chosen by name are never replaced by another', async () => {
    await expect(chooseEngines(['webgl'])).rejects.toMatchObject({ exitCode: 4, message: expect.stringContaining('runs in a browser') });
  });

  it('have names, and a typo is answered with the nearest', () => {
    expect(() => engineById('wasmm')).toThrow('--engine must be one of');
    try { engineById('wasmm'); } catch (error) { expect(error).toMatchObject({ exitCode: 2, hint: 'did you mean wasm?' }); }
  });
});
