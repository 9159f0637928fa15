/** First and last position of an axis of so many pixels, from -1 to 1: the centres of the outermost pixels are there, or their outer edges. One pixel lies at 0. */
export function ends(length: number, alignCorners: boolean): [number, number] {
  const last = length === 1 ? 0 : alignCorners ? 1 : 1 - 1 / length;
  return [-last, last];
}

/** (x, y) of every pixel of an image, row by row. */
export function pixelPositions([height, width]: readonly [number, number], alignCorners: boolean): [number, number][] {
  const at = (i: number, length: number) => {
    const [first, last] = ends(length, alignCorners);
    return length === 1 ? 0 : first + ((last - first) * i) / (length - 1);
  };
  return Array.from({ length: height * width }, (_, p) => [at(p % width, width), at(Math.floor(p / width), height)]);
}
