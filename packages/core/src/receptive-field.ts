import { option, readOptions } from './options.js';
import { effectiveKernel } from './padding.js';

/** What one output position sees of the input along one axis, in input pixels. */
export interface AxisField {
  /** Extent. */
  readonly size: number;
  /** Distance between the fields of neighbouring positions (effective stride, output stride). */
  readonly stride: number;
  /** Centre of the first position's field; 0 is the centre of the first pixel. */
  readonly offset: number;
}

/** A window that slides along one axis. */
export interface AxisWindow {
  /** Extent, dilation included. */
  readonly size: number;
  readonly stride: number;
  /** Padding in front. */
  readonly before: number;
}

/** What a pixel sees of itself. */
export const PIXEL_FIELD: AxisField = { size: 1, stride: 1, offset: 0 };

/** The field behind one more window: size' = size + (k - 1) J, J' = J s, offset' = offset + ((k - 1) / 2 - p) J, with J the stride so far. */
export function fieldBehind(field: AxisField, { size, stride, before }: AxisWindow): AxisField {
  return {
    size: field.size + (size - 1) * field.stride,
    stride: field.stride * stride,
    offset: field.offset + ((size - 1) / 2 - before) * field.stride,
  };
}

/** A convolution or pooling along one axis. */
export interface WindowLayer {
  kernelSize: number;
  /** Default 1. */
  stride?: number;
  /** Default 1. */
  dilation?: number;
  /** Rows or columns in front. Default 0. */
  padding?: number;
}

const windowEntries = {
  kernelSize: option.integer(1),
  stride: option.withDefault(option.integer(1), 1),
  dilation: option.withDefault(option.integer(1), 1),
  padding: option.withDefault(option.integer(0), 0),
} as const;

/**
 * Receptive field, effective stride and offset of layers in a row, along one axis:
 * `receptiveField([{ kernelSize: 3 }, { kernelSize: 3, dilation: 2 }]).size` is 7.
 * @throws OptionError for an impossible window.
 */
export function receptiveField(layers: readonly WindowLayer[]): AxisField {
  return layers.reduce((field, layer, i) => {
    const { kernelSize, stride, dilation, padding } = readOptions(`receptiveField, layer ${i}`, windowEntries, layer);
    return fieldBehind(field, { size: effectiveKernel(kernelSize, dilation), stride, before: padding });
  }, PIXEL_FIELD);
}
