/** A classifier made to say where the object is: Simonyan and Zisserman 2014 (arXiv 1409.1556), appendix A.1. */
import { dense, option, OptionError, readOptions, seedOption } from '@convkit/core';
import { model, type LayersModel } from '@tensorflow/tfjs-layers';

export interface LocalizerOptions {
  /** 'shared': one box whatever the class (the paper's single-class regression, 4 outputs). 'perClass': one for each class (4 K outputs). Default 'shared'. */
  boxes?: 'shared' | 'perClass';
  /** The box that it says before training: centre and sides as shares of the window. Default [0.5, 0.5, 0.5, 0.5]. */
  start?: readonly [number, number, number, number];
  /** Default: the classifier's, then `_localizer`. */
  name?: string;
  /** Of the new layer's weights. Default 0. */
  seed?: number;
}

const entries = {
  boxes: option.withDefault(option.oneOf(['shared', 'perClass']), 'shared'),
  start: option.withDefault(option.custom<readonly [number, number, number, number]>((value) => Array.isArray(value) && value.length === 4 && value.every((x) => Number.isFinite(x)), '4 numbers (x, y, w, h)'), [0.5, 0.5, 0.5, 0.5]),
  name: option.optional(option.text()),
  seed: option.withDefault(seedOption, 0),
} as const;

/**
 * The classifier with another last layer: N(0, 0.01^2) weights from what its last dense layer read to (x, y, w, h), centre and sides
 * as shares of the window, for one box or one a class. The layer is called as the classifier's, with `.boxes` behind it. All others are shared: to keep
 * the classifier, give a copy of it. Learns with the Euclidean loss and {@link boxFractions}.
 * @throws OptionError for a model that does not end in a dense layer.
 */
export function localizer(classifier: LayersModel, options: LocalizerOptions = {}): LayersModel {
  const where = 'localizer';
  const { boxes, start, name, seed } = readOptions(where, entries, options);
  const last = classifier?.outputs?.length === 1 ? classifier.outputs[0] : undefined;
  const read = last?.inputs[0];
  const classes = last?.shape[1];
  if (last === undefined || read === undefined || typeof classes !== 'number' || last.shape.length !== 2 || !/^(Convkit)?Dense$/.test(last.sourceLayer.getClassName())) {
    throw new OptionError(where, 'classifier', last === undefined ? classifier : `${last.sourceLayer.getClassName()} "${last.sourceLayer.name}"`, 'a model of one output whose last layer is dense');
  }
  const count = boxes === 'shared' ? 1 : classes;
  const outputs = dense(read, {
    units: 4 * count, kernelInitializer: 'smallNormal', biasInitializer: Array.from({ length: count }, () => start).flat(), seed, name: `${last.sourceLayer.name}.boxes`,
  });
  return model({ inputs: classifier.inputs, outputs, name: name ?? `${classifier.name}_localizer` });
}
