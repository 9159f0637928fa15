import type { ImageSplit } from '@convkit/data';

type DataModule = typeof import('@convkit/data/node');

/** The data package with a hundred drawn shapes, drawn once: for tests of commands, which are not tests of the data. */
export async function fewShapes(original: () => Promise<DataModule>): Promise<DataModule> {
  const real = await original();
  const first = ({ images, labels }: ImageSplit, size: number, length: number): ImageSplit => ({ images: images.slice(0, size * length), labels: labels.slice(0, size), size });
  const draw = async () => {
    const dataset = await real.loadDataset('shapes');
    const length = dataset.imageShape.reduce((a, b) => a * b, 1);
    return { ...dataset, train: first(dataset.train, 80, length), test: first(dataset.test, 20, length) };
  };
  let shapes: ReturnType<typeof draw> | undefined;
  return { ...real, loadDataset: () => (shapes ??= draw()) };
}
