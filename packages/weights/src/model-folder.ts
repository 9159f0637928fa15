import { createHash } from 'node:crypto';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { registerLayers } from '@convkit/core';
import { reasonOf } from '@convkit/data';
import { replaceFile } from '@convkit/data/node';
import { io } from '@tensorflow/tfjs-core';
import { loadLayersModel, type LayersModel } from '@tensorflow/tfjs-layers';
import { quoted, SafetensorsError } from './safetensors-error.js';
import { saveSafetensors, type WriteSafetensorsOptions } from './write-safetensors.js';

const WEIGHTS = 'weights.bin';
const TOPOLOGY = 'model.json';
/** Where model.json notes the weights' SHA-256, beside what the user noted. */
const NOTE = 'convkitWeightsSha256';

/**
 * Writes a model as `model.json` and `weights.bin`, which tf.loadLayersModel reads. Each file appears whole or not at all,
 * model.json last and with the SHA-256 of the weights in it: `loadModel` does not take one pair's half for another's.
 * @returns the two paths.
 */
export async function saveModel(model: LayersModel, folder: string): Promise<string[]> {
  let artifacts: io.ModelArtifacts | undefined;
  await model.save(io.withSaveHandler(async (saved) => {
    artifacts = saved;
    return { modelArtifactsInfo: io.getModelArtifactsInfoForJSON(saved) };
  }));
  const { weightSpecs = [], weightData = new ArrayBuffer(0), userDefinedMetadata, ...topology } = artifacts ?? {};
  const weights = new Uint8Array(io.CompositeArrayBuffer.join(weightData));
  const json = { ...topology, weightsManifest: [{ paths: [WEIGHTS], weights: weightSpecs }], userDefinedMetadata: { ...userDefinedMetadata, [NOTE]: sha256(weights) } };
  await mkdir(folder, { recursive: true });
  await replaceFile(join(folder, WEIGHTS), weights);
  await replaceFile(join(folder, TOPOLOGY), JSON.stringify(json));
  return [join(folder, TOPOLOGY), join(folder, WEIGHTS)];
}

/** Writes a model's weights as a safetensors file with torch's names and layouts; whole or not at all. */
export async function saveSafetensorsFile(model: LayersModel, path: string, options: WriteSafetensorsOptions = {}): Promise<void> {
  await replaceFile(path, saveSafetensors(model, options));
}

/**
 * Reads a model from its folder or its model.json, as `saveModel` or tf's own savers write it. Registers core's layers; call
 * `registerLayers()` of other packages whose layers it has.
 * @throws SafetensorsError ERR_WEIGHTS_READ, ERR_WEIGHTS_FORMAT, ERR_WEIGHTS_SHARD, ERR_WEIGHTS_SIZE, ERR_WEIGHTS_CHANGED with the file's name.
 */
export async function loadModel(path: string): Promise<LayersModel> {
  const file = (await stat(path).then((found) => found.isDirectory(), () => false)) ? join(path, TOPOLOGY) : path;
  const { modelTopology, weightsManifest, userDefinedMetadata, ...rest } = readTopology(file, String(Buffer.from(await read(file))));
  const names = weightsManifest.flatMap((group) => group.paths);
  const weightSpecs = weightsManifest.flatMap((group) => group.weights);
  for (const name of names) if (!/^[^/\\\0]+$/.test(name) || name === '..') throw new SafetensorsError('ERR_WEIGHTS_SHARD', `weights must be files beside it, got ${quoted(name)}`, { file });
  const parts = await Promise.all(names.map((name) => read(join(dirname(file), name))));
  const weights = parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
  const wanted = weightSpecs.every((spec) => spec.quantization === undefined && spec.dtype === 'float32') ? weightSpecs.reduce((sum, { shape }) => sum + 4 * shape.reduce((a, b) => a * b, 1), 0) : weights.length;
  if (weights.length !== wanted) throw new SafetensorsError('ERR_WEIGHTS_SIZE', `the weights must have ${wanted} bytes, got ${weights.length} in ${names.map(quoted).join(', ')}`, { file });
  const noted = userDefinedMetadata?.[NOTE];
  if (typeof noted === 'string' && noted !== sha256(weights)) throw new SafetensorsError('ERR_WEIGHTS_CHANGED', `the weights must have the SHA-256 ${noted.slice(0, 64)}: ${names.map(quoted).join(', ')} changed, or was saved with another model`, { file });
  registerLayers();
  const weightData = weights.buffer.slice(weights.byteOffset, weights.byteOffset + weights.length) as ArrayBuffer;
  const model = await loadLayersModel(io.fromMemory({ ...rest, modelTopology, weightSpecs, weightData } as io.ModelArtifacts));
  const { [NOTE]: _, ...notes } = userDefinedMetadata ?? {};
  if (Object.keys(notes).length > 0) model.setUserDefinedMetadata(notes);
  return model;
}

type Topology = Pick<io.ModelJSON, 'weightsManifest'> & { modelTopology: object; userDefinedMetadata?: Record<string, unknown> };

function readTopology(file: string, text: string): Topology {
  const refuse = (reason: string): never => {
    throw new SafetensorsError('ERR_WEIGHTS_FORMAT', `must be the model.json of a layers model: ${reason}`, { file });
  };
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch (error) {
    return refuse(reasonOf(error));
  }
  const { modelTopology, weightsManifest } = Object(root) as Partial<Topology>;
  if (typeof modelTopology !== 'object' || modelTopology === null) return refuse('it has no modelTopology');
  const isGroup = (group: unknown): boolean => {
    const { paths, weights } = Object(group) as { paths?: unknown; weights?: unknown };
    return Array.isArray(paths) && paths.every((name) => typeof name === 'string') && Array.isArray(weights) && weights.every((spec) => Array.isArray((Object(spec) as { shape?: unknown }).shape));
  };
  if (!Array.isArray(weightsManifest) || !weightsManifest.every(isGroup)) return refuse('it has no weightsManifest');
  return root as Topology;
}

async function read(file: string): Promise<Uint8Array> {
  return readFile(file).catch((cause: unknown) => {
    throw new SafetensorsError('ERR_WEIGHTS_READ', `cannot be read: ${reasonOf(cause)}`, { file, cause });
  });
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
