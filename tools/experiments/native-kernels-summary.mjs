/** @typedef {{ name: string, composed?: number[], compiled?: number[], plain?: number[] }} Run Milliseconds of every turn. */

/** @param {readonly number[]} values */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return ((sorted[(sorted.length - 1) >> 1] ?? Number.NaN) + (sorted[sorted.length >> 1] ?? Number.NaN)) / 2;
}

/** Medians, and the ratios of medians. @param {readonly Run[]} runs */
export function summarize(runs) {
  const cases = runs.flatMap(({ name, composed, compiled }) => {
    if (!composed || !compiled) return [];
    const [slow, quick] = [median(composed), median(compiled)];
    return [{ name, composed: slow, compiled: quick, ratio: slow / quick }];
  });
  const plain = median(runs.find((run) => run.plain)?.plain ?? []);
  return { cases, plain, deformableOverPlain: (cases[0]?.compiled ?? Number.NaN) / plain };
}
