// What a node of onnxruntime's profile did: by the role that it has in a training step, with its multiplications and additions or the bytes it moved.

/**
 * @typedef {{ cat: string, name: string, ts: number, dur: number, args?: { op_name?: string, input_type_shape?: Record<string, number[]>[], output_type_shape?: Record<string, number[]>[] } }} ProfileEvent
 */

/** @param {readonly number[]} shape */
const elements = (shape) => shape.reduce((product, n) => product * n, 1);
/** @param {readonly Record<string, number[]>[] | undefined} entries */
const shapes = (entries) => (entries ?? []).flatMap((entry) => Object.values(entry));

const FLOAT_BYTES = 4;

/**
 * Of a convolution: its role. Scales and sums by channel are depthwise convolutions of one tap or of one window, and the window of a kernel
 * gradient is an image of dy, larger than what comes out.
 * @param {boolean} backward @param {readonly number[]} kernel [F, C / groups, kh, kw] @param {readonly number[]} output
 */
function roleOf(backward, [, inside = 0, kh = 0, kw = 0], [, , height = 0, width = 0]) {
  if (inside === 1 && kh * kw === 1) return 'scales by channel';
  if (inside === 1 && height * width === 1) return 'sums by channel';
  if (!backward) return 'forward convolutions';
  return kh > height ? 'gradients of kernels' : 'gradients of images';
}

/** @param {ProfileEvent} event @returns {{ kind: string, operations: number, bytes: number }} */
export function workOf({ name, args }) {
  const [inputs, outputs] = [shapes(args?.input_type_shape), shapes(args?.output_type_shape)];
  const operator = args?.op_name ?? '';
  const bytes = FLOAT_BYTES * [...inputs, ...outputs].reduce((sum, shape) => sum + elements(shape), 0);
  const [[image = [], kernel = []], [output = []]] = [inputs, outputs];
  if (operator !== 'Conv') return { kind: operator, operations: 0, bytes: operator === 'Reshape' ? 0 : bytes };
  const kind = roleOf(name.startsWith('gradient of'), kernel, output);
  const isByChannel = kind.endsWith('by channel');
  return { kind, operations: isByChannel || image.length === 0 ? 0 : 2 * elements(output) * elements(kernel.slice(1)), bytes };
}

/**
 * A row of the table: what it is, milliseconds a step, their share, nodes, and the part of the peak that it reaches, of operations where it is
 * mostly these, else of bytes.
 * @param {{ what: string, milliseconds: number, nodes: number, operations: number, bytes: number }} row
 * @param {number} total Milliseconds of all rows. @param {{ gigaflops: number, gigabytes: number }} peak
 */
export function profileRow({ what, milliseconds, nodes, operations, bytes }, total, { gigaflops, gigabytes }) {
  const reached = operations > 0 ? operations / milliseconds / 1e6 / gigaflops : bytes / milliseconds / 1e6 / gigabytes;
  return `| ${what} | ${milliseconds.toFixed(1)} | ${((100 * milliseconds) / total).toFixed(1)} % | ${nodes.toFixed(0)} | ${(100 * reached).toFixed(0)} % |`;
}
