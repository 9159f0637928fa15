import { OptionError } from '@convkit/core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import * as tf from '@tensorflow/tfjs-core';
import type { StateDictEntry } from './load-state-dict.js';
import { LENGTH_BYTES, MAX_HEADER_BYTES } from './safetensors-header.js';
import { SCHEMA, SCHEMA_KEY } from './safetensors.js';
import { torchParameters } from './torch-parameter.js';

export interface WriteSafetensorsOptions {
  /** Notes for whoever reads the file, as strings. */
  metadata?: Readonly<Record<string, string>>;
}

/**
 * A safetensors file of these tensors, all F32. The same tensors and metadata give the same bytes, whatever their order:
 * names and metadata are sorted, and the header is padded with spaces so that the numbers start at a multiple of 8.
 * @throws OptionError for a name that is there twice, a reserved one, and a shape that does not go with its values.
 */
export function writeSafetensors(entries: Iterable<StateDictEntry>, { metadata = {} }: WriteSafetensorsOptions = {}): Uint8Array {
  const where = 'writeSafetensors';
  const sorted = [...entries].sort((a, b) => order(a.name, b.name));
  // A list of pairs, written by hand: an object would lose a tensor called __proto__ and reorder one called 1.
  const header: [string, unknown][] = [];
  const notes = Object.entries(metadata).sort(([a], [b]) => order(a, b));
  for (const [key, note] of notes) if (typeof note !== 'string') throw new OptionError(where, `metadata.${key}`, note, 'a string');
  if (notes.length > 0) header.push(['__metadata__', Object.fromEntries(notes)]);
  let end = 0;
  sorted.forEach(({ name, shape, values }, i) => {
    if (name === '__metadata__' || name === sorted[i - 1]?.name) throw new OptionError(where, 'name', name, name === '__metadata__' ? 'another one: the format keeps it for notes' : 'there once');
    if (values.length !== shape.reduce((product, n) => product * n, 1)) throw new OptionError(where, `shape of ${name}`, shape, `one of ${values.length} values`);
    header.push([name, { dtype: 'F32', shape, data_offsets: [end, end + values.byteLength] }]);
    end += values.byteLength;
  });
  const text = new TextEncoder().encode(`{${header.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`);
  const length = Math.ceil(text.length / 8) * 8;
  if (length > MAX_HEADER_BYTES) throw new OptionError(where, 'entries', sorted.length, `few enough for a header of ${MAX_HEADER_BYTES} bytes`);
  const file = new Uint8Array(LENGTH_BYTES + length + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(length), true);
  file.fill(0x20, LENGTH_BYTES, LENGTH_BYTES + length);
  file.set(text, LENGTH_BYTES);
  let at = LENGTH_BYTES + length;
  for (const { values } of sorted) {
    file.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    at += values.byteLength;
  }
  return file;
}

/** By code units, the same on every machine. */
const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** The weights of a model as PyTorch would list them: torch's names, shapes and row-major values. Copies. */
export function stateDict(model: LayersModel): StateDictEntry[] {
  return torchParameters(model).map(({ name, shape, variable, toTorch }) => {
    const tensor = tf.tidy(() => toTorch(variable.read()));
    const values = tensor.dataSync().slice() as Float32Array;
    tensor.dispose();
    return { name, shape, values };
  });
}

/**
 * A model's weights as a safetensors file with torch's names and layouts, which Python's safetensors reads and
 * `load_state_dict` of the reference model takes. Loading it again gives the same bits.
 */
export function saveSafetensors(model: LayersModel, { metadata = {} }: WriteSafetensorsOptions = {}): Uint8Array {
  return writeSafetensors(stateDict(model), { metadata: { format: 'pt', model: model.name, ...metadata, [SCHEMA_KEY]: String(SCHEMA) } });
}
