import { alexnet, allCnn, lenet, nin } from '@convkit/classic';
import { combined } from '@convkit/combined-block';
import { closest, OptionError, option, readOptions, type BuildOptions, type Family, type ImageShape } from '@convkit/core';
import { deformableResnet } from '@convkit/deformable-conv';
import { densenet } from '@convkit/densenet';
import { efficientnet, mobilenetV1, mobilenetV2, mobilenetV3, xception } from '@convkit/depthwise';
import { drn } from '@convkit/dilated-conv';
import { googlenet, inceptionV3 } from '@convkit/inception';
import { resnet, resnetV2 } from '@convkit/resnet';
import { seInception, seResnet } from '@convkit/se-block';
import { shufflenetV1, shufflenetV2 } from '@convkit/shufflenet';
import { stn } from '@convkit/spatial-transformer';
import { vgg } from '@convkit/vgg';
import type { LayersModel } from '@tensorflow/tfjs-layers';

/** A variant that has no counts: the small rows for tests and first experiments. */
export interface TinyEntry {
  /** Unique in the zoo. */
  id: string;
  /** The family's id. */
  family: string;
  /** The paper's title. */
  paper: string;
  year: number;
  url: string;
  /** [H, W, C] of the paper's table. */
  input: ImageShape;
  classes: number;
  params?: number;
  macs?: number;
}

export interface ZooEntry extends TinyEntry {
  /** Trainable parameters with that input and those classes. */
  params: number;
  /** Multiply-accumulates of convolutions and dense layers for one image. */
  macs: number;
}

export interface ZooModel extends TinyEntry {
  /** The row of the family's table, to read or to change and build. */
  spec: object;
  /** Builds the model. @throws OptionError for an option that does not exist or a value that is not allowed. */
  build(options?: BuildOptions): LayersModel;
}

export interface Zoo {
  /** Every variant of every family, in the order of the tables; rows without counts only on request. */
  list(options?: { tiny?: false }): ZooEntry[];
  list(options: { tiny: boolean }): TinyEntry[];
  /**
   * One variant, by its id or by what torchvision, timm, pytorchcv or Keras call it.
   * @throws OptionError for an unknown name, with the nearest known one.
   */
  get(name: string): ZooModel;
  readonly families: readonly Family[];
}

const families: readonly Family[] = [vgg, googlenet, inceptionV3, resnet, resnetV2, seResnet, seInception, densenet, mobilenetV1, mobilenetV2, mobilenetV3, efficientnet, xception, shufflenetV1, shufflenetV2, drn, deformableResnet, combined, lenet, alexnet, nin, allCnn, stn];

/**
 * What other libraries call our variants: the aliases of every family, and those that belong to none. The rule for a name
 * stands at `aliases` of core's FamilyDefinition.
 */
export const ALIASES: Readonly<Record<string, string>> = Object.assign({}, ...families.map(({ aliases }) => aliases));

function entryOf(family: Family, id: string): TinyEntry {
  const row = family.variants[id] ?? {};
  const { title, year, url } = family.papers?.[id] ?? family.paper;
  const { params, macs, input = family.input, classes = family.classes } = row;
  return { id, family: family.id, paper: title, year, url, input, classes, ...(params === undefined ? {} : { params }), ...(macs === undefined ? {} : { macs }) };
}

const isCounted = (entry: TinyEntry): entry is ZooEntry => entry.params !== undefined && entry.macs !== undefined;

function list(options?: { tiny?: false }): ZooEntry[];
function list(options: { tiny: boolean }): TinyEntry[];
function list(options: { tiny?: boolean } = {}): TinyEntry[] {
  const { tiny } = readOptions('zoo.list', { tiny: option.withDefault(option.boolean(), false) }, options);
  const entries = families.flatMap((family) => Object.keys(family.variants).map((id) => entryOf(family, id)));
  return tiny ? entries : entries.filter(isCounted);
}

function get(name: string): ZooModel {
  const id = Object.hasOwn(ALIASES, name) ? ALIASES[name] ?? name : name;
  const family = families.find((candidate) => Object.hasOwn(candidate.variants, id));
  const spec = family?.variants[id];
  if (family === undefined || spec === undefined) {
    const ids = families.flatMap((candidate) => Object.keys(candidate.variants));
    const near = typeof name === 'string' ? closest(name, [...ids, ...Object.keys(ALIASES)]) : undefined;
    throw new OptionError('zoo', 'name', name, `one of ${ids.join(', ')}`, near === undefined ? '' : `Did you mean ${near}?`);
  }
  return { ...entryOf(family, id), spec, build: (options) => family.build(id, options) };
}

/** Every convkit architecture by name. */
export const zoo: Zoo = { list, get, families };
