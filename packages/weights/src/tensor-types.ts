/**
 * Types of numbers in safetensors files (the format's table) and their float32 values. Typed arrays read the machine's byte
 * order, and every machine that runs JavaScript engines today is little-endian, as the format is.
 */

/** A number that float32 cannot hold. */
export class InexactError extends Error {
  override readonly name = 'InexactError';
}

interface TensorType {
  /** Of one number. */
  readonly bits: number;
  /** float32 values of the numbers in these bytes, which lie as a typed array needs; absent where there are none. @throws InexactError */
  readonly toFloat32?: (bytes: Uint8Array) => Float32Array;
}

type Numbers = new (buffer: ArrayBufferLike, offset: number, length: number) => ArrayLike<number> & { readonly BYTES_PER_ELEMENT: number };

/** Numbers that float32 holds, all of them. */
const converted = (Numbers: Numbers, size: number) => (bytes: Uint8Array) => Float32Array.from(new Numbers(bytes.buffer, bytes.byteOffset, bytes.length / size));

/** Whole numbers: an index that float32 would round to another one is no weight. */
function whole(Numbers: Numbers, size: number) {
  return (bytes: Uint8Array) => exact(new Numbers(bytes.buffer, bytes.byteOffset, bytes.length / size));
}

function exact(numbers: ArrayLike<number | bigint>): Float32Array {
  const values = new Float32Array(numbers.length);
  for (let i = 0; i < values.length; i++) {
    const number = numbers[i] as number | bigint;
    values[i] = Number(number);
    if (typeof number === 'bigint' ? BigInt(values[i] as number) !== number : values[i] !== number) throw new InexactError(`value ${i} is ${number}, which float32 would round to ${values[i]}`);
  }
  return values;
}

function fromFloat64(bytes: Uint8Array): Float32Array {
  const numbers = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);
  const values = Float32Array.from(numbers);
  const lost = values.findIndex((value, i) => !Number.isFinite(value) && Number.isFinite(numbers[i]));
  if (lost >= 0) throw new InexactError(`value ${lost} is ${numbers[lost]}, beyond the largest float32 (3.4e38)`);
  return values;
}

/** A float of one sign bit, `exponentBits` and the rest fraction, as a table from its bits to its value. */
function smallFloats(bits: number, exponentBits: number, special: 'infinities' | 'one NaN'): Float32Array {
  const fractionBits = bits - 1 - exponentBits;
  const [top, steps, bias] = [2 ** exponentBits - 1, 2 ** fractionBits, 2 ** (exponentBits - 1) - 1];
  return Float32Array.from({ length: 2 ** bits }, (_, code) => {
    const [sign, exponent, fraction] = [code >> (bits - 1) ? -1 : 1, (code >> fractionBits) & top, code % steps];
    if (exponent === top && special === 'infinities') return fraction === 0 ? sign * Infinity : NaN;
    if (exponent === top && fraction === steps - 1) return NaN;
    return sign * (exponent === 0 ? fraction / steps : 1 + fraction / steps) * 2 ** (Math.max(exponent, 1) - bias);
  });
}

/** Looks every code up; the table is made when it is first needed. */
function byTable(Codes: Numbers, size: number, make: () => Float32Array) {
  let table: Float32Array | undefined;
  return (bytes: Uint8Array) => {
    const values = (table ??= make());
    const codes = new Codes(bytes.buffer, bytes.byteOffset, bytes.length / size);
    return Float32Array.from(codes, (code) => values[code] as number);
  };
}

/** bfloat16 is the upper half of a float32. */
function fromBfloat16(bytes: Uint8Array): Float32Array {
  const codes = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
  return new Float32Array(Uint32Array.from(codes, (code) => code * 65_536).buffer);
}

/** By the names of the format. Those without values are known, so that a file with them can be opened and its other tensors read. */
export const TENSOR_TYPES: ReadonlyMap<string, TensorType> = new Map<string, TensorType>([
  ['F32', { bits: 32, toFloat32: (bytes) => new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4) }],
  ['F16', { bits: 16, toFloat32: byTable(Uint16Array, 2, () => smallFloats(16, 5, 'infinities')) }],
  ['BF16', { bits: 16, toFloat32: fromBfloat16 }],
  ['F64', { bits: 64, toFloat32: fromFloat64 }],
  ['F8_E4M3', { bits: 8, toFloat32: byTable(Uint8Array, 1, () => smallFloats(8, 4, 'one NaN')) }],
  ['F8_E5M2', { bits: 8, toFloat32: byTable(Uint8Array, 1, () => smallFloats(8, 5, 'infinities')) }],
  ['I64', { bits: 64, toFloat32: (bytes) => exact(new BigInt64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8)) }],
  ['U64', { bits: 64, toFloat32: (bytes) => exact(new BigUint64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8)) }],
  ['I32', { bits: 32, toFloat32: whole(Int32Array, 4) }],
  ['U32', { bits: 32, toFloat32: whole(Uint32Array, 4) }],
  ['I16', { bits: 16, toFloat32: converted(Int16Array, 2) }],
  ['U16', { bits: 16, toFloat32: converted(Uint16Array, 2) }],
  ['I8', { bits: 8, toFloat32: converted(Int8Array, 1) }],
  ['U8', { bits: 8, toFloat32: converted(Uint8Array, 1) }],
  ['BOOL', { bits: 8, toFloat32: converted(Uint8Array, 1) }],
  ['F8_E8M0', { bits: 8 }],
  ['C64', { bits: 64 }],
  ['F4', { bits: 4 }],
  ['F6_E2M3', { bits: 6 }],
  ['F6_E3M2', { bits: 6 }],
]);
