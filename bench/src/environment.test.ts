import * as os from 'node:os';
import { describe, expect, it } from 'vitest';
import { describeEnvironment, isBusy, readLoad } from './environment.js';

const idle = { load: { one: 0.1, five: 0.1, fifteen: 0.1 }, pressure: 0, stealTicks: 10 };

describe('the environment of a run', () => {
  it('names the processor, the runtime and the commit, but neither host, user nor path', async () => {
    const environment = await describeEnvironment({ before: await readLoad(), after: await readLoad() });
    expect(environment.runtime).toBe(`node ${process.versions.node}`);
    expect(environment.cores).toBeGreaterThan(0);
    const text = JSON.stringify(environment);
    expect(text).not.toContain(os.hostname());
    expect(text).not.toContain(process.cwd());
  });

  it('counts the ticks stolen during the run', async () => {
    const environment = await describeEnvironment({ before: idle, after: { ...idle, stealTicks: 14 } });
    expect(environment.stealTicks).toBe(4);
  });

  it('is noisy when the machine was busy before, not after', async () => {
    expect(isBusy(idle, 2)).toBe(false);
    expect(isBusy({ ...idle, load: { one: 1.8, five: 0, fifteen: 0 } }, 2)).toBe(true);
    expect(isBusy({ ...idle, pressure: 30 }, 2)).toBe(true);
    expect(isBusy({ load: undefined, pressure: undefined, stealTicks: undefined }, 2)).toBe(false);
    const after = { ...idle, load: { one: 9, five: 9, fifteen: 9 } };
    expect((await describeEnvironment({ before: idle, after })).noisy).toBe(false);
  });
});
