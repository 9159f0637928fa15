import { readFile } from 'node:fs/promises';
import { registerLayers } from '@convkit/zoo';
import { io } from '@tensorflow/tfjs-core';
import { loadLayersModel, type LayersModel } from '@tensorflow/tfjs-layers';
import { CommandError, errorCode, messageOf } from '../errors.js';

/**
 * Builds the model that a layers-model `model.json` describes, all weights zero: what it costs depends on its shape only,
 * and the weight files may be elsewhere. Throws an error of the input that says what the file is instead.
 */
export async function loadModelFile(path: string): Promise<LayersModel> {
  const topology = topologyOf(path, await readJson(path));
  registerLayers();
  try {
    return await loadLayersModel(io.fromMemory({ modelTopology: withZeros(topology) as io.ModelJSON['modelTopology'] }));
  } catch (error) {
    throw new CommandError('input', `${path}: not a model that tfjs can build: ${messageOf(error)}`, 'a layer of your own must be registered; only layers that tfjs or convkit has can be read here');
  }
}

async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const reason = errorCode(error) === 'ENOENT' ? 'there is no such file' : errorCode(error) === 'EISDIR' ? 'this is a folder' : messageOf(error);
    throw new CommandError('input', `${path}: must be a model.json file: ${reason}`);
  }
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new CommandError('input', `${path}: must be JSON: ${messageOf(error)}`, 'a model saved by model.save() or by tensorflowjs_converter has a model.json');
  }
}

/** The topology inside the forms that savers write. */
function topologyOf(path: string, value: unknown): unknown {
  if (!isObject(value)) throw new CommandError('input', `${path}: must hold a JSON object, got ${value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value}`);
  if (value['format'] === 'graph-model') {
    throw new CommandError('input', `${path}: must be a layers model, got a graph model`, 'convert it with tensorflowjs_converter --output_format=tfjs_layers_model');
  }
  const topology = value['modelTopology'] ?? value;
  if (!isObject(topology) || !('model_config' in topology || 'config' in topology)) {
    throw new CommandError('input', `${path}: must hold modelTopology with a model_config, got the keys ${Object.keys(value).slice(0, 8).join(', ') || '(none)'}`);
  }
  return topology;
}

/** Every initializer as zeros: nothing is drawn, so that a large model is read at once. */
function withZeros(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withZeros);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, field]) => {
      const isInitializer = /_initializer$|Initializer$/.test(key) && isObject(field) && typeof field['class_name'] === 'string';
      return [key, isInitializer ? { class_name: 'Zeros', config: {} } : withZeros(field)];
    }),
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
