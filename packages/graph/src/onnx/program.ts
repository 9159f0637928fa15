/** An ONNX model as plain data, before it is encoded. */

export type OnnxElement = 'float32' | 'int64' | 'bool';

/** Attributes say their type: in ONNX 1 and 1.0 are two things. */
export type OnnxAttribute =
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly text: string };

export type OnnxAttributes = Readonly<Record<string, OnnxAttribute>>;

export interface OnnxNode {
  readonly name: string;
  readonly type: string;
  /** '' for ONNX' own operators. */
  readonly domain: string;
  /** '' for an optional input that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: OnnxAttributes;
}

/** A tensor that the program holds. */
export interface OnnxConstant {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array | BigInt64Array;
}

export interface OnnxValueInfo {
  readonly name: string;
  readonly element: OnnxElement;
  /** A text names a length that is open, such as the batch. */
  readonly shape: readonly (number | string)[];
}

export interface OnnxProgram {
  readonly name: string;
  /** Version of each operator set by domain. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly nodes: readonly OnnxNode[];
  readonly constants: readonly OnnxConstant[];
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
}

export const int = (value: number): OnnxAttribute => ({ int: value });
export const ints = (values: readonly number[]): OnnxAttribute => ({ ints: values });
export const float = (value: number): OnnxAttribute => ({ float: value });
export const floats = (value: readonly number[]): OnnxAttribute => ({ floats: value });
export const text = (value: string): OnnxAttribute => ({ text: value });
