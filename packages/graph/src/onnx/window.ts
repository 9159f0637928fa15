import type { Padding } from '@convkit/core';
import { ints, type OnnxAttribute } from './program.js';

/** ONNX has the beginnings of all axes first: [top, left, bottom, right]. */
export const windowPads = ([top, bottom, left, right]: Padding): OnnxAttribute => ints([top, left, bottom, right]);
