import type { Command } from 'commander';
import { addBenchAccuracy } from './bench-accuracy.js';
import { addBenchCost } from './bench-cost.js';
import { addBenchSpeed } from './bench-speed.js';
import type { Session } from './program.js';

/** `convkit bench`: the three things that are measured. */
export function addBench(program: Command, session: Session): void {
  const bench = program.command('bench').description('measure, and record the results');
  for (const add of [addBenchCost, addBenchSpeed, addBenchAccuracy]) add(bench, session);
}
