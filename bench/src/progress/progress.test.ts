import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { lineView } from './lines.js';
import { isInteractive, openProgress } from './view.js';

describe('progress', () => {
  it('in a log is a line at the start, one every few seconds, and one at the end', () => {
    const lines: string[] = [];
    let time = 0;
    const { emit } = lineView({ write: (line) => lines.push(line), every: 5000, now: () => time });
    emit({ type: 'start', task: 'a', label: 'resnet20', total: 200 });
    for (let done = 1; done <= 200; done++) {
      time += 100;
      emit({ type: 'advance', task: 'a', done, detail: `loss ${done}` });
    }
    emit({ type: 'end', task: 'a', outcome: '88.1 %' });
    expect(lines).toEqual(['resnet20: started', 'resnet20: 25 %, loss 50', 'resnet20: 50 %, loss 100', 'resnet20: 75 %, loss 150', 'resnet20: 100 %, loss 200', 'resnet20: 88.1 %']);
  });

  it('draws bars on a terminal only', () => {
    const stream = Object.assign(new PassThrough(), { isTTY: true });
    expect(isInteractive({ stream, env: {} })).toBe(true);
    expect(isInteractive({ stream, env: { CI: 'true' } })).toBe(false);
    expect(isInteractive({ stream, env: { TERM: 'dumb' } })).toBe(false);
    expect(isInteractive({ stream: new PassThrough(), env: {} })).toBe(false);
  });

  it.each([{ CI: '1' }, { NO_COLOR: '1', CI: '1' }, {}])('writes no escape codes to what is no terminal (%j)', async (env) => {
    const stream = new PassThrough();
    const view = await openProgress({ stream, env });
    view.emit({ type: 'start', task: 'a', label: 'vgg11', total: 1 });
    view.emit({ type: 'end', task: 'a', outcome: 'done' });
    view.close();
    expect(String(stream.read())).toBe('vgg11: started\nvgg11: done\n');
  });

  it('keeps every line of bars within the terminal', async () => {
    const stream = Object.assign(new PassThrough(), { isTTY: true, columns: 40 });
    const view = await openProgress({ stream, env: { NO_COLOR: '1' } });
    view.emit({ type: 'start', task: 'a', label: 'a name that is much longer than a bar can show', total: 2 });
    view.emit({ type: 'advance', task: 'a', done: 1, detail: 'a detail that is too long for the line as well' });
    view.emit({ type: 'end', task: 'a', outcome: 'an outcome that would not fit either in forty columns' });
    view.close();
    // eslint-disable-next-line no-control-regex
    const lines = String(stream.read()).replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '').split(/[\r\n]+/);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(40);
  });
});
