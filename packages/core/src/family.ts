import { engine, findBackend, getBackend, setBackend, type Variable } from '@tensorflow/tfjs-core';
import { input, model, type LayersModel, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { seedOption, type KernelInitializer } from './initialization.js';
import { OptionError, unknownName } from './option-error.js';
import { option, readOptions, type OptionEntries, type OptionOutput } from './options.js';

/** [H, W, C]. */
export type ImageShape = readonly [number, number, number];

export interface Paper {
  title: string;
  authors: string;
  year: number;
  url: string;
}

/** What every row of a family's table may say beside its architecture. */
export interface VariantRow {
  /** Trainable parameters at the row's input and classes; recomputed by a test. Absent in `tiny` rows. */
  readonly params?: number;
  /** Multiply-accumulates of convolutions and dense layers, one image; recomputed by a test. Absent in `tiny` rows. */
  readonly macs?: number;
  /** Where it differs from the family's. */
  readonly input?: ImageShape;
  /** Where it differs from the family's. */
  readonly classes?: number;
}

export interface BuildOptions {
  /** Outputs of the classifier. Default: the variant's. */
  classes?: number;
  /** [H, W, C]. Default: the variant's. */
  inputShape?: ImageShape;
  /** Whether to add the classifier; without it the output is the last feature map. Default true. */
  includeTop?: boolean;
  /** Names of feature taps: the model then has these outputs, in this order, and no classifier. */
  features?: readonly string[];
  /**
   * Whether to add the classifiers half-way up that some networks train with (GoogLeNet, Inception v3): the model's outputs
   * are then [logits, ...auxiliary logits], from input to output. Default false: one output, none of their parameters.
   */
  auxiliary?: boolean;
  /** 'zeros' draws no random numbers and touches no memory: for counting costs, or before loading weights. Default 'random'. */
  initialWeights?: 'random' | 'zeros';
  /** Mixed with every weight's name. Default 0. */
  seed?: number;
  /** Dropout rate in front of the classifier. Default: the paper's. */
  dropout?: number;
  /** Default: the variant's id. */
  name?: string;
}

/** What a builder gets beside the input and the spec. */
export interface BuildContext {
  readonly classes: number;
  readonly inputShape: ImageShape;
  readonly includeTop: boolean;
  /** Whether to build the auxiliary classifiers, if the architecture has any. */
  readonly auxiliary: boolean;
  /** The caller's dropout rate, or the paper's when the caller gave none. */
  dropout(paper: number): number;
  /** Options that start a kernel, to spread into a block: `...context.weights('heNormalFanOut')`. */
  weights<Initial extends KernelInitializer>(initializer: Initial): { kernelInitializer: Initial | 'zeros'; seed: number };
}

export interface Built {
  output: SymbolicTensor;
  /** Named taps, by the reference's module path, in order from input to output. */
  features: Readonly<Record<string, SymbolicTensor>>;
  /** Logits of the auxiliary classifiers, from input to output, where the context asks for them. */
  auxiliary?: readonly SymbolicTensor[];
}

export interface FamilyDefinition<Spec extends object, Checked extends object = Spec> {
  /** Package-like name: `resnet`. */
  id: string;
  paper: Paper;
  /** Input of the paper's table. */
  input: ImageShape;
  classes: number;
  variants: Readonly<Record<string, Spec & VariantRow>>;
  /**
   * What other libraries call a variant. A name is here only if that library's network has the same parameters and
   * multiply-accumulates (Keras' ResNet50 keeps convolution biases and is not). Names that a library shares with our ids
   * need no entry; where two libraries disagree, torchvision's meaning holds, or where it has none, the paper's. A name
   * with a library in front of it, `pytorchcv/alexnet`, has that library's meaning.
   */
  aliases?: Readonly<Record<string, string>>;
  /** How a spec is checked; defaults are filled in before `build` sees it. */
  spec: OptionEntries;
  /** Papers of variants that are not the family's own. */
  papers?: Readonly<Record<string, Paper>>;
  /** The architecture, read top to bottom like the paper's table. Gets the spec checked and with its defaults. */
  build(x: SymbolicTensor, spec: Checked, context: BuildContext): Built;
}

export interface Family<Spec extends object = object, Id extends string = string> extends Omit<FamilyDefinition<Spec>, 'build' | 'variants' | 'spec'> {
  readonly variants: Readonly<Record<Id, Spec & VariantRow>>;
  /**
   * Builds a variant, or a spec of the same form, as a tf.LayersModel that outputs logits.
   * @throws OptionError for an unknown variant, option or feature, and for inputs that the architecture cannot take.
   */
  build(variant: Id | Spec, options?: BuildOptions): LayersModel;
}

const positive = option.integer(1);

const buildEntries = {
  classes: option.optional(positive),
  inputShape: option.optional(option.imageShape()),
  includeTop: option.withDefault(option.boolean(), true),
  features: option.optional(option.list(option.text())),
  auxiliary: option.withDefault(option.boolean(), false),
  initialWeights: option.withDefault(option.oneOf(['random', 'zeros']), 'random'),
  seed: option.withDefault(seedOption, 0),
  dropout: option.optional(option.number({ min: 0, below: 1 })),
  name: option.optional(option.text()),
} as const;

/** What a row of a table says beside its architecture. */
const rowEntries = {
  params: option.optional(positive),
  macs: option.optional(positive),
  input: option.optional(option.imageShape()),
  classes: option.optional(positive),
} as const;

/** Makes a family out of its table and its one builder. */
export function defineFamily<Spec extends object, const Variants extends Readonly<Record<string, Spec & VariantRow>>, const Entries extends OptionEntries>(
  definition: Omit<FamilyDefinition<Spec, OptionOutput<Entries>>, 'variants' | 'spec' | 'aliases'> & {
    variants: Variants;
    spec: Entries;
    aliases?: Readonly<Record<string, Extract<keyof Variants, string>>>;
  },
): Family<Spec, Extract<keyof Variants, string>> {
  const { id, variants, spec: specEntries, build: buildSpec, ...about } = definition;
  type Id = Extract<keyof Variants, string>;

  const build = (variant: Id | Spec, options: BuildOptions = {}): LayersModel => {
    const row = typeof variant === 'string' ? lookUp(id, variants, variant) : readSpec<Spec>(id, variant);
    const label = typeof variant === 'string' ? variant : id;
    const parsed = readOptions(label, buildEntries, options);
    const inputShape = parsed.inputShape ?? row.input ?? definition.input;
    const { seed, initialWeights, dropout } = parsed;
    const spec = readOptions(label, { ...specEntries, ...rowEntries }, row) as unknown as OptionOutput<Entries>;
    const wanted = distinct(label, parsed.features);
    const includeTop = parsed.includeTop && wanted === undefined;
    if (parsed.auxiliary && !includeTop) throw new OptionError(label, 'auxiliary', true, 'false without the classifier');
    return keepingOnlyItsWeights(() => {
      const x = input({ shape: [...inputShape], name: 'input' });
      const make = () => buildSpec(x, spec, {
        classes: parsed.classes ?? row.classes ?? definition.classes,
        inputShape,
        includeTop,
        auxiliary: parsed.auxiliary,
        dropout: (paper) => dropout ?? paper,
        weights: (initializer) => ({ kernelInitializer: initialWeights === 'zeros' ? 'zeros' : initializer, seed }),
      });
      const built = initialWeights === 'zeros' ? withLazyWeights(make) : make();
      if (parsed.auxiliary && built.auxiliary === undefined) throw new OptionError(label, 'auxiliary', true, 'false: this network has no auxiliary classifiers');
      const outputs = wanted === undefined ? [built.output, ...(built.auxiliary ?? [])] : wanted.map((name) => feature(label, built, name));
      return model({ inputs: x, outputs, name: parsed.name ?? label });
    });
  };
  return { ...about, id, variants, build } as Family<Spec, Id>;
}

/** Feature names, none twice: tf.layers refuses the same output twice. */
function distinct(label: string, names: readonly string[] | undefined): readonly string[] | undefined {
  const twice = names?.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new OptionError(label, 'features', names, `a list of different names (${twice} is there twice)`);
  return names;
}

/**
 * Runs a build and frees the weights that the model does not hold: of layers behind the last feature tap, and all of
 * them when the build is refused half-way.
 */
function keepingOnlyItsWeights(build: () => LayersModel): LayersModel {
  const variables = engine().registeredVariables;
  const before = new Set(Object.keys(variables));
  let kept = new Set<string>();
  try {
    const built = build();
    kept = new Set(built.weights.map((weight) => (weight.read() as Variable).name));
    return built;
  } finally {
    for (const [name, variable] of Object.entries(variables)) if (!before.has(name) && !kept.has(name)) variable.dispose();
  }
}

/**
 * Builds with weights on tfjs' cpu backend, where one is registered: zeros stay unmapped pages there until something
 * reads them, and tfjs moves a tensor to the active backend at first use. VGG-16 then costs no 553 MB copy into the
 * wasm heap only to be counted. Switching between backends that are ready takes effect before setBackend returns;
 * where it does not, the build simply runs on the active backend.
 */
function withLazyWeights<T>(build: () => T): T {
  // Undefined before anything was computed, whatever its type says: there is no backend to come back to then.
  const active = getBackend() as string | undefined;
  if (active === undefined || active === 'cpu' || findBackend('cpu') === null) return build();
  void setBackend('cpu');
  try {
    return build();
  } finally {
    void setBackend(active);
  }
}

function lookUp<Row>(family: string, variants: Readonly<Record<string, Row>>, name: string): Row {
  const row = Object.hasOwn(variants, name) ? variants[name] : undefined;
  if (row === undefined) throw unknownName(family, 'variant', name, Object.keys(variants));
  return row;
}

function readSpec<Spec extends object>(family: string, spec: unknown): Spec & VariantRow {
  if (typeof spec !== 'object' || spec === null || Array.isArray(spec)) throw new OptionError(family, 'variant', spec, 'a variant name or a spec object');
  return spec as Spec & VariantRow;
}

function feature(label: string, built: Built, name: string): SymbolicTensor {
  const tensor = Object.hasOwn(built.features, name) ? built.features[name] : undefined;
  if (tensor === undefined) throw unknownName(label, 'features', name, Object.keys(built.features));
  return tensor;
}
