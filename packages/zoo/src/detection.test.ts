/** Detectors by name are those that are handed the network of that name. */
import '@tensorflow/tfjs-backend-cpu';
import { retinanet as retinanetOn, ssd as ssdOn, withDetections, type Detector } from '@convkit/detection';
import { OptionError } from '@convkit/core';
import { profile } from '@convkit/profile';
import * as tf from '@tensorflow/tfjs-core';
import { loadLayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, it } from 'vitest';
import { registerLayers, retinanet, ssd } from './detection.js';
import { zoo } from './index.js';

beforeAll(() => tf.setBackend('cpu'));

function costs({ model, anchors, classes }: Detector) {
  const { params, macs } = profile(model);
  const names = model.weights.map(({ originalName, shape }) => `${originalName} ${shape.join('x')}`);
  model.dispose();
  return { params, macs, names, anchors: anchors.length / 4, classes };
}

const zeros = { initialWeights: 'zeros' } as const;
const onMobile = { features: ['features.13', 'features.18'], inputShape: [160, 160, 3], classes: 20, kind: 'separable', extras: [{ filters: 256 }], ...zeros } as const;
const onResidual = { features: ['layer2', 'layer3'], inputShape: [64, 64, 3], classes: 5, filters: 16, depth: 1, extraLevels: 1, boxes: { sizes: [[16], [32], [48]], ratios: [0.5, 1, 2] }, ...zeros } as const;

describe('a detector by the name of its backbone', () => {
  it('is the one on the network that the zoo gives', () => {
    expect(costs(ssd({ backbone: 'mobilenet_v2', ...onMobile }))).toEqual(costs(ssdOn({ backbone: zoo.get('mobilenet_v2'), ...onMobile })));
    expect(costs(retinanet({ backbone: 'resnet_tiny', ...onResidual }))).toEqual(costs(retinanetOn({ backbone: zoo.get('resnet_tiny'), ...onResidual })));
  });

  it("takes other libraries' names, and networks as before", () => {
    const options = { features: ['features.3', 'features.6'], inputShape: [64, 64, 3], classes: 2, ...zeros } as const;
    expect(costs(ssd({ backbone: 'mobilenetv2_035', ...onMobile })).params).toBe(costs(ssdOn({ backbone: zoo.get('mobilenet_v2_x0_35'), ...onMobile })).params);
    expect(costs(ssd({ backbone: zoo.get('mobilenet_v2_tiny'), ...options }))).toEqual(costs(ssd({ backbone: 'mobilenet_v2_tiny', ...options })));
  });

  it('comes back from a file, its end in boxes included', async () => {
    registerLayers();
    const whole = withDetections(ssd({ backbone: 'mobilenet_v2_tiny', features: ['features.3', 'features.6'], inputShape: [32, 32, 3], classes: 2 }), { limit: 7 });
    let saved: tf.io.ModelArtifacts | undefined;
    await whole.save(tf.io.withSaveHandler(async (artifacts) => ((saved = artifacts), { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' as const } })));
    const again = await loadLayersModel(tf.io.fromMemory(saved!));
    tf.tidy(() => {
      const x = tf.randomUniform([1, 32, 32, 3], 0, 1, 'float32', 1);
      expect((again.predict(x) as tf.Tensor).arraySync()).toEqual((whole.predict(x) as tf.Tensor).arraySync());
    });
    for (const model of [whole, again]) model.dispose();
  });

  it('says which name is near, and what else is wrong', () => {
    const options = { features: ['features.3'], classes: 2 };
    expect(() => ssd({ backbone: 'mobilnet_v2', ...options })).toThrow(OptionError);
    expect(() => ssd({ backbone: 'mobilnet_v2', ...options })).toThrow(/zoo: name must be one of .*got "mobilnet_v2" \(string\)\. Did you mean mobilenet_v2\?/);
    expect(() => retinanet({ backbone: '', ...options })).toThrow(/got "" \(string\)/);
    expect(() => ssd({ backbone: 'mobilenet_v2', features: ['features.99'], classes: 2 })).toThrow(/features must be one of .*got "features\.99"/);
    expect(() => ssd({ backbone: 'mobilenet_v2', ...options, clases: 3 } as never)).toThrow('did you mean classes?');
    expect(() => ssd(undefined as never)).toThrow('ssd: options must be an object');
    expect(() => ssd({ backbone: 7, ...options } as never)).toThrow('backbone must be a tf.LayersModel');
  });
});
