/** How a first convolution for other channels is made of a trained one. */
export const CHANNEL_ADAPTATIONS = ['sum', 'mean', 'repeat'] as const;
export type ChannelAdaptation = (typeof CHANNEL_ADAPTATIONS)[number];

/**
 * A kernel [F, C, kh, kw] for another number of channels. 'sum' and 'mean' over C make one for 1 channel: 'sum' sees in a
 * grey image what the trained one sees in that image as RGB. 'repeat' takes the channels in turn, times C / channels, so that
 * the sums stay as large (timm, adapt_input_conv).
 */
export function adaptInputChannels(values: Float32Array, shape: readonly number[], channels: number, how: ChannelAdaptation): Float32Array {
  const [filters = 0, given = 0, ...window] = shape;
  const area = window.reduce((product, n) => product * n, 1);
  const adapted = new Float32Array(filters * channels * area);
  const sources = how === 'repeat' ? channels : given;
  const factor = how === 'repeat' ? given / channels : how === 'mean' ? 1 / given : 1;
  for (let filter = 0; filter < filters; filter++) {
    for (let source = 0; source < sources; source++) {
      const from = (filter * given + (source % given)) * area;
      const to = (filter * channels + (how === 'repeat' ? source : 0)) * area;
      for (let i = 0; i < area; i++) adapted[to + i] = (adapted[to + i] as number) + factor * (values[from + i] as number);
    }
  }
  return adapted;
}
