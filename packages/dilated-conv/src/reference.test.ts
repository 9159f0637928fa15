import type { BuildOptions } from '@convkit/core';
import { sameName, testReference, type ReferenceRow } from '@convkit/testing/reference';
import { deeplab, DEEPLABS, drn } from './index.js';

/** The networks for Pascal VOC have 21 classes, which their names do not say. */
const voc = (spec: Parameters<typeof deeplab.build>[0]) => (options: BuildOptions, { note }: ReferenceRow) =>
  deeplab.build(spec, { ...options, classes: 21, auxiliary: /aux(_loss)?=True/.test(note) });

testReference({
  rows: new URL('../reference/models.csv', import.meta.url),
  families: [drn, deeplab],
  rules: [
    { model: /^drn_c_58$/, note: /differs from official/, variant: 'drn_c_58_pytorchcv' },
    { model: /^drn_/, variant: sameName },
    { model: /^deeplabv3_resnet50$/, note: /ResNet\(D\) stem/, build: voc({ ...DEEPLABS.deeplabv3_resnet50, stem: 'deep' }) },
    { model: /^deeplabv3_resnet152$/, note: /ResNet\(D\) stem/, build: voc({ ...DEEPLABS.deeplabv3_resnet50, stem: 'deep', depths: [3, 8, 36, 3] }) },
    { model: /^(deeplabv3|fcn)_/, build: (options, row) => voc(row.model as 'fcn_resnet50')(options, row) },
  ],
});
