/** Puts the compiled kernels in: under names of their own, for convkit's layers, and under TensorFlow.js' names. */
import * as tf from '@tensorflow/tfjs-core';
import { convolutionFilterGradient, convolutionInputGradient, depthwiseFilterGradient, depthwiseInputGradient, type GradientAttributes } from '../composed/index.js';
import { replaceKernel, WASM_BACKENDS, type Finding, type Patch } from '../patch.js';
import { resolveAttributes } from '../patches/convolution.js';
import { compiledInputGradient, compiledKernelGradient, CONVOLUTION_KERNELS } from './convolution.js';
import { compiledDepthwiseInputGradient, compiledDepthwiseKernelGradient, DEPTHWISE_KERNELS } from './depthwise.js';
import { ELEMENTWISE_KERNELS } from './elementwise.js';
import type { NativeKernel, Shape4D } from './kernel.js';
import { fetchBinary, hasRelaxedSimd, nativeOf, type Native } from './module.js';
import { SAMPLING_KERNELS } from './sampling.js';

async function probe(): Promise<Finding> {
  await fetchBinary();
  const native = nativeOf(tf.backend());
  if ('reason' in native) return { needed: false, reason: `composed of other kernels: ${native.reason}` };
  return { needed: true, reason: `compiled kernels on the backend's memory${hasRelaxedSimd() ? ', with fused multiply-add' : ''}` };
}

/** The kernels are registered under names that TensorFlow.js does not have: who wants them asks whether they are there. */
function nativePatch(name: string, kernels: readonly NativeKernel[]): Patch {
  return {
    name,
    backends: WASM_BACKENDS,
    probe,
    apply: (backendName) => {
      const remove = () => {
        for (const { kernelName } of kernels) if (tf.getKernel(kernelName, backendName)) tf.unregisterKernel(kernelName, backendName);
      };
      for (const { kernelName, compute } of kernels) {
        tf.registerKernel({
          kernelName,
          backendName,
          // The backend can be started anew, with memory that is not reached: then there is no kernel of that name.
          setupFunc: (backend) => {
            if ('reason' in nativeOf(backend)) remove();
          },
          kernelFunc: ({ inputs, attrs, backend }) => {
            const native = nativeOf(backend as object);
            if ('reason' in native) throw new Error(`${kernelName}: ${native.reason}`);
            return compute(native, inputs as unknown as Record<string, tf.Tensor>, attrs ?? {});
          },
        });
      }
      return remove;
    },
  };
}

/** Attributes of TensorFlow.js' gradient kernels of convolutions. */
type StockAttributes = Parameters<typeof resolveAttributes>[2] & { filterShape: Shape4D; inputShape: Shape4D };

/** The tensors of a gradient kernel: dy, and x or the filter. */
type GradientInputs = Readonly<Record<'dy' | 'x' | 'filter', tf.Tensor4D>>;

interface StockKernel {
  kernelName: string;
  depthwise: boolean;
  /** Shapes of the convolution's input and filter. */
  shapes(inputs: GradientInputs, attrs: StockAttributes): [Shape4D, Shape4D];
  compiled(native: Native, inputs: GradientInputs, shapes: [Shape4D, Shape4D], attributes: GradientAttributes): tf.TensorInfo;
  /** Where the memory is not reached, and where this is faster. */
  composed(inputs: GradientInputs, shapes: [Shape4D, Shape4D], attributes: GradientAttributes): tf.TensorInfo;
  /** Default: everywhere. */
  worthwhile?(native: Native, shapes: [Shape4D, Shape4D], attributes: GradientAttributes): boolean;
}

/** A kernel under the name that TensorFlow.js has for it, so that plain tf.layers have it too. */
function stockPatch({ kernelName, depthwise, shapes, compiled, composed, worthwhile = () => true }: StockKernel): Patch {
  return {
    name: `${kernelName}, compiled`,
    backends: WASM_BACKENDS,
    probe,
    apply: (backendName) => replaceKernel(kernelName, backendName, () => ({ inputs, attrs, backend }) => {
      const tensors = inputs as unknown as GradientInputs;
      const stockAttributes = attrs as unknown as StockAttributes;
      const known = shapes(tensors, stockAttributes);
      const attributes = resolveAttributes(...known, stockAttributes, depthwise);
      const native = nativeOf(backend as object);
      return 'reason' in native || !worthwhile(native, known, attributes) ? composed(tensors, known, attributes) : compiled(native, tensors, known, attributes);
    }),
  };
}

const ofFilter: StockKernel['shapes'] = ({ x }, { filterShape }) => [x.shape, filterShape];
const ofInput: StockKernel['shapes'] = ({ filter }, { inputShape }) => [inputShape, filter.shape];

/** Pixels up to which turning the filter round and packing it takes XNNPACK longer than it gains. */
const FEW_PIXELS = 4096;

const STOCK_KERNELS: readonly StockKernel[] = [
  {
    kernelName: 'Conv2DBackpropFilter',
    depthwise: false,
    shapes: ofFilter,
    compiled: (native, { x, dy }, [, kernelShape], attributes) => compiledKernelGradient(native, x, dy, { ...attributes, groups: 1, kernelShape }),
    composed: ({ x, dy }, [, filterShape], attributes) => convolutionFilterGradient(x, dy, filterShape, attributes),
    // XNNPACK shares its work between threads, these kernels do not.
    worthwhile: ({ heap }) => !heap.shared,
  },
  {
    kernelName: 'Conv2DBackpropInput',
    depthwise: false,
    shapes: ofInput,
    compiled: (native, { dy, filter }, [inputShape], attributes) => compiledInputGradient(native, dy, filter, { ...attributes, groups: 1, inputShape }),
    composed: ({ dy, filter }, [inputShape], attributes) => convolutionInputGradient(dy, filter, inputShape, attributes),
    worthwhile: ({ heap }, [[n, h, w]], { strides: [sh, sw] }) => !heap.shared && (sh * sw > 1 || n * h * w <= FEW_PIXELS),
  },
  {
    kernelName: 'DepthwiseConv2dNativeBackpropFilter',
    depthwise: true,
    shapes: ofFilter,
    compiled: (native, { x, dy }, [, kernelShape], attributes) => compiledDepthwiseKernelGradient(native, x, dy, kernelShape, attributes),
    composed: ({ x, dy }, [, filterShape], attributes) => depthwiseFilterGradient(x, dy, filterShape, attributes),
  },
  {
    kernelName: 'DepthwiseConv2dNativeBackpropInput',
    depthwise: true,
    shapes: ofInput,
    compiled: (native, { dy, filter }, [inputShape], attributes) => compiledDepthwiseInputGradient(native, dy, filter, inputShape, attributes),
    composed: ({ dy, filter }, [inputShape], attributes) => depthwiseInputGradient(dy, filter, inputShape, attributes),
  },
];

/** The kernels of this folder; each entry stands by itself. */
export const NATIVE_PATCHES: readonly Patch[] = [
  nativePatch('compiled grouped convolution', CONVOLUTION_KERNELS),
  nativePatch('compiled depthwise gradients', DEPTHWISE_KERNELS),
  nativePatch('compiled sampling', SAMPLING_KERNELS),
  nativePatch('compiled sum with activation', ELEMENTWISE_KERNELS),
  ...STOCK_KERNELS.map(stockPatch),
];
