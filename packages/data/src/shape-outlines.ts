/**
 * The ten outlines of the `shapes` set as inside tests in their own frame: u to the right, v up, all inside the unit circle.
 * Only + - * / and comparisons, so that every engine computes the same bits. Sizes are chosen so that no two classes are
 * one shape turned (square and diamond, circle and ellipse differ in proportions).
 */
export type Inside = (u: number, v: number) => boolean;

type Corner = readonly [u: number, v: number];

/** Even-odd rule: count the edges to the right. */
function polygon(corners: readonly Corner[]): Inside {
  const edges = corners.map(([u, v], i) => {
    const [fromU, fromV] = corners[(i + corners.length - 1) % corners.length] ?? [0, 0];
    return { u, v, fromV, slope: (fromU - u) / (fromV - v) };
  });
  return (u, v) => {
    let inside = false;
    for (const edge of edges) {
      if (edge.v > v !== edge.fromV > v && u < edge.slope * (v - edge.v) + edge.u) inside = !inside;
    }
    return inside;
  };
}

// cos and sin of 90, 162, 234, 306, 18 degrees as literals: Math.cos may differ in the last bit between engines.
const FIVE: readonly Corner[] = [[0, 1], [-0.9510565162951535, 0.3090169943749474], [-0.5877852522924731, -0.8090169943749475], [0.5877852522924731, -0.8090169943749475], [0.9510565162951535, 0.3090169943749474]];
const STAR_INNER = 0.42;
const star = FIVE.flatMap(([u, v], i): Corner[] => {
  // The notch between two points lies opposite the point two further on.
  const [ou, ov] = FIVE[(i + 3) % 5] ?? [0, 0];
  return [[u, v], [-STAR_INNER * ou, -STAR_INNER * ov]];
});

const annulus = (inner: number, outer: number): Inside => (u, v) => {
  const r = u * u + v * v;
  return r >= inner * inner && r <= outer * outer;
};

/** Class names and outlines; the label of a class is its place here. */
export const OUTLINES: readonly { readonly name: string; readonly inside: Inside }[] = [
  { name: 'circle', inside: annulus(0, 0.85) },
  { name: 'ring', inside: annulus(0.5, 0.95) },
  { name: 'crescent', inside: (u, v) => u * u + v * v <= 0.9 && (u - 0.45) * (u - 0.45) + v * v >= 0.5 },
  { name: 'ellipse', inside: (u, v) => u * u + 4 * v * v <= 1 },
  { name: 'triangle', inside: polygon([[0, 1], [-0.8660254037844386, -0.5], [0.8660254037844386, -0.5]]) },
  { name: 'square', inside: (u, v) => u >= -0.7 && u <= 0.7 && v >= -0.7 && v <= 0.7 },
  { name: 'diamond', inside: polygon([[1, 0], [0, 0.52], [-1, 0], [0, -0.52]]) },
  { name: 'star', inside: polygon(star) },
  { name: 'cross', inside: (u, v) => (u >= -0.28 && u <= 0.28 && v >= -0.95 && v <= 0.95) || (v >= -0.28 && v <= 0.28 && u >= -0.95 && u <= 0.95) },
  { name: 'arrow', inside: polygon([[-0.9, 0.2], [0.1, 0.2], [0.1, 0.7], [0.95, 0], [0.1, -0.7], [0.1, -0.2], [-0.9, -0.2]]) },
];
