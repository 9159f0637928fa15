// Two processes that stay and take turns. Each says that it is ready with a line, and answers a number of steps with a line of JSON, { "ms": [...] }.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { median } from '@convkit/bench/statistics';

/** Until threads that spin for more work have gone to sleep. */
const PAUSE_MS = 100;

/** The line that names an error, or the last one. @param {string} output */
function reasonIn(output) {
  const lines = output.trim().split('\n');
  return lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1) ?? '';
}

class Peer {
  /** @param {readonly [string, readonly string[]]} command */
  constructor([command, args]) {
    this.child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.child.stdin.on('error', () => {});
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
    this.errors = '';
    this.child.stderr.on('data', (/** @type {Buffer} */ chunk) => { this.errors = (this.errors + chunk).slice(-4000); });
    /** @type {Promise<string>} */
    this.ended = new Promise((resolve) => {
      this.child.on('error', (error) => resolve(error.message));
      this.child.on('close', (code) => resolve(`it ended with ${code}: ${reasonIn(this.errors)}`));
    });
  }

  /** The next line of JSON with a field. @param {string} field @returns {Promise<any>} */
  async answer(field) {
    for (;;) {
      const { value, done } = await this.lines.next();
      if (done) throw new Error(await this.ended);
      if (value.startsWith('{')) {
        const answer = JSON.parse(value);
        if (field in answer) return answer[field];
      }
    }
  }

  /** Median milliseconds of some steps, behind one that is not timed. @param {number} steps */
  async turn(steps) {
    await pause(PAUSE_MS);
    this.child.stdin.write(`${steps}\n`);
    return median(await this.answer('ms'));
  }

  async end() {
    this.child.stdin.end();
    this.child.kill();
    await this.ended;
  }
}

/**
 * Pairs of times, two a round.
 * @param {readonly [string, readonly string[]]} ours Command and arguments. @param {readonly [string, readonly string[]]} other
 * @param {{ rounds: number, steps: number }} options
 * @throws Error with what a process that ended early said last.
 */
export async function takeTurns(ours, other, { rounds, steps }) {
  const a = new Peer(ours);
  const peers = [a];
  try {
    await a.answer('ready');
    // Only now: neither warms up beside the other.
    const b = new Peer(other);
    peers.push(b);
    await b.answer('ready');
    const pairs = [];
    for (let round = 0; round < rounds; round++) {
      const first = { ours: await a.turn(steps), other: await b.turn(steps) };
      const [later, last] = [await b.turn(steps), await a.turn(steps)];
      pairs.push(first, { ours: last, other: later });
    }
    return pairs;
  } finally {
    await Promise.all(peers.map((peer) => peer.end()));
  }
}
