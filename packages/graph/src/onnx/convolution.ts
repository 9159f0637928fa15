/** Convolutions in ONNX, as every machine reads them and as onnxruntime's own blocked operators. */
import type { OpAttributes, Padding, ValueShape } from '@convkit/core';
import { writeBlockedDepthwiseGradient, writeBlockedInputGradient, writeBlockedKernelGradient } from './blocked-gradient.js';
import { byChannel } from './by-channel.js';
import { writeDepthwiseKernelGradient, writeInputGradient, writeKernelGradient, type ConvolutionShapes } from './convolution-gradient.js';
import type { GradientContext } from './gradient.js';
import { BLOCKED_DOMAIN, blockedDepthwise, blockedImages, blockedKernel, depthwiseLayout, entryKernel, NCHW, OIHW, PLAIN, type Layout } from './layout.js';
import { int, ints } from './program.js';
import { windowPads } from './window.js';
import type { OnnxValue, OnnxWriter } from './writer.js';

/** How a convolution's operands lie, and whose operator reads them so. */
export interface ConvolutionForm {
  readonly image: Layout;
  readonly kernel: Layout;
  /** How the result is best handed on. */
  readonly result: Layout;
  readonly domain: string;
  readonly depthwise: boolean;
  /** The kernel for the operator that every machine has. */
  readonly plainKernel: Layout;
}

/** Of a kernel [kh, kw, I, O]. Blocks where the program has them and they come out even. */
export function convolutionForm({ block }: OnnxWriter, kernel: readonly number[], groups: number): ConvolutionForm {
  const [, , inside = 0, filters = 0] = kernel;
  const plain: ConvolutionForm = { image: NCHW, kernel: OIHW, result: NCHW, domain: '', depthwise: false, plainKernel: OIHW };
  if (block === undefined || filters % block !== 0) return plain;
  const result = blockedImages(block);
  if (groups > 1) return { ...plain, result };
  if (inside % block === 0) return { ...plain, image: result, kernel: blockedKernel(kernel, block), result, domain: BLOCKED_DOMAIN };
  return inside < block ? { ...plain, kernel: entryKernel(kernel, block), result, domain: BLOCKED_DOMAIN } : { ...plain, result };
}

/** Of a kernel [kh, kw, C, m]. */
export function depthwiseForm({ block }: OnnxWriter, kernel: readonly number[]): ConvolutionForm {
  const [, , channels = 0, multiplier] = kernel;
  const plain = depthwiseLayout(kernel);
  if (block === undefined || multiplier !== 1 || channels % block !== 0) return { image: NCHW, kernel: plain, result: NCHW, domain: '', depthwise: true, plainKernel: plain };
  return { image: blockedImages(block), kernel: blockedDepthwise(kernel, block), result: blockedImages(block), domain: BLOCKED_DOMAIN, depthwise: true, plainKernel: plain };
}

export interface ConvolutionGeometry {
  readonly strides: readonly [number, number];
  readonly padding: Padding;
  readonly dilations: readonly [number, number];
  readonly groups: number;
}

export function writeConvolution(w: OnnxWriter, [x, kernel, bias]: readonly OnnxValue[], { strides, padding, dilations, groups }: ConvolutionGeometry, form: ConvolutionForm, shape: ValueShape): OnnxValue {
  const operands = [w.as(x as OnnxValue, form.image), w.as(kernel as OnnxValue, form.kernel), ...(bias ? [w.as(bias, PLAIN)] : [])];
  const name = w.op('Conv', operands, {
    kernel_shape: ints((kernel as OnnxValue).shape.slice(0, 2) as number[]), strides: ints(strides), pads: windowPads(padding), dilations: ints(dilations), group: int(groups),
  }, form.domain);
  // The blocked operators put out blocks, ONNX' own do not.
  const layout = form.domain === '' ? NCHW : form.result;
  return { name: w.as({ name, shape, layout }, form.result), shape, layout: form.result };
}

/** What the gradients of dense, grouped and depthwise convolutions have in common. */
type Context = Omit<GradientContext<'conv2d'>, 'attributes'> & { readonly attributes: Pick<OpAttributes['conv2d'], 'strides' | 'padding' | 'dilations'> };

/** d loss / d x, kernel and bias, in blocks where the operator and the geometry allow it. @param groups The kernel's groups; of a depthwise one its channels. */
export function writeConvolutionGradients(w: OnnxWriter, { inputs, output, upstream, attributes: { strides, dilations, padding }, needs }: Context, groups: number, form: ConvolutionForm): readonly (OnnxValue | undefined)[] {
  const [x, kernel, bias] = inputs as [OnnxValue, OnnxValue, OnnxValue | undefined];
  const [batch, h, across, channels] = x.shape as number[] as [number, number, number, number];
  const [, rows, columns, filters] = output.shape as number[] as [number, number, number, number];
  const size = kernel.shape as number[] as [number, number];
  const shapes: ConvolutionShapes = { batch, input: [h, across], output: [rows, columns], kernel: [size[0], size[1]], channels, filters, groups, strides, dilations, padding };
  const { block } = form.image;
  const resultBlock = form.domain === '' ? undefined : form.result.block;
  const dy = () => w.as(upstream, NCHW);
  // A scale by channel of dy, as behind a batch norm, is one of the kernel's filters and of its gradient.
  const product = resultBlock === undefined || upstream.layout.id !== form.result.id ? undefined : w.productOf(upstream.name);
  const blockedDy = () => product?.name ?? w.as(upstream, form.result);
  const scaled = (filtered: string): string => (product === undefined ? filtered : byFilter(w, filtered, product.scale, kernel.shape as number[], filters));

  const inputGradient = (): OnnxValue => {
    const name = block === undefined ? undefined : writeBlockedInputGradient(w, blockedDy(), scaled(w.as(kernel, form.kernel)), shapes, block);
    if (name !== undefined) return { name, shape: x.shape, layout: form.image };
    return { name: writeInputGradient(w, dy(), w.as(kernel, form.plainKernel), shapes), shape: x.shape, layout: NCHW };
  };
  const kernelGradient = (): OnnxValue => {
    const name = resultBlock === undefined ? undefined : form.depthwise
      ? writeBlockedDepthwiseGradient(w, w.as(x, form.image), blockedDy(), shapes)
      : writeBlockedKernelGradient(w, w.as(x, form.image), blockedDy(), shapes, block ?? 1, resultBlock);
    if (name !== undefined) return { name: scaled(name), shape: kernel.shape, layout: form.kernel };
    if (!form.depthwise) return { name: writeKernelGradient(w, x, upstream, shapes), shape: kernel.shape, layout: OIHW };
    return { name: writeDepthwiseKernelGradient(w, w.as(x, NCHW), dy(), shapes), shape: kernel.shape, layout: form.plainKernel };
  };
  return [
    needs[0] ? inputGradient() : undefined,
    needs[1] ? kernelGradient() : undefined,
    bias && needs[2] ? { name: byChannel(w, output.shape, form.result).sum(w.as(upstream, form.result)), shape: bias.shape, layout: PLAIN } : undefined,
  ];
}

/** A kernel in blocks, or its gradient, [F, ...], times a scale [F]: it lies as an image of one row with F channels does. */
function byFilter(w: OnnxWriter, kernel: string, scale: string, [kh = 1, kw = 1, ...others]: readonly number[], filters: number): string {
  const inside = others.reduce((product, n) => product * n, 1) / filters;
  const image = [1, 1, kh * kw * inside, filters];
  const product = byChannel(w, image, blockedImages(w.block as number)).affine(w.reshape(kernel, [1, filters, 1, kh * kw * inside]), scale);
  return w.reshape(product, [filters, inside, kh, kw]);
}
