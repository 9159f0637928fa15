import { convolution } from './convolution.js';
import { elementwise } from './elementwise.js';
import { pooling } from './pooling.js';
import { shape } from './shape.js';
import type { StockLowering } from './stock-layer.js';

/** tf.layers' classes that a CNN is made of, by class name. */
export const STOCK_LAYERS: Readonly<Record<string, StockLowering>> = { ...convolution, ...pooling, ...elementwise, ...shape };
