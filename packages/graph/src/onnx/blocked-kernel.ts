import { PLAIN } from './layout.js';
import { int } from './program.js';
import type { OnnxWriter } from './writer.js';

/** One block of channels of x and of y, at one tap of a kernel. */
export interface KernelBlock {
  readonly filter: number;
  readonly channel: number;
  readonly tap: number;
}

/**
 * The blocks of a dense kernel [F, C, kh, kw], each with its input and output channels exchanged, in another order; undefined is a block of zeros.
 * First a transposition of matrices, then a choice of whole blocks: quicker than one transposition of all axes, which goes number by number.
 * @returns The blocks behind each other, to be given a shape.
 */
export function exchangedBlocks(w: OnnxWriter, kernel: string, { filters, channels, taps }: { filters: number; channels: number; taps: number }, block: number, wanted: readonly (KernelBlock | undefined)[]): string {
  const [filterBlocks, blocks] = [filters / block, channels / block];
  const count = filterBlocks * blocks * taps;
  const exchanged = w.transpose(w.reshape(kernel, [count, block, block]), [0, 2, 1]);
  const order = wanted.map((at) => (at === undefined ? count : (at.filter * blocks + at.channel) * taps + at.tap));
  if (order.every((from, to) => from === to)) return exchanged;
  const zeros = () => w.as(w.constant(`no block of ${block}x${block}`, new Float32Array(block * block), [1, block, block]), PLAIN);
  const all = order.includes(count) ? w.op('Concat', [exchanged, zeros()], { axis: int(0) }) : exchanged;
  return w.op('Gather', [all, w.integers(order)], { axis: int(0) });
}
