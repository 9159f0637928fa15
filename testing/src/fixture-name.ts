/**
 * The name by which the zoo knows a fixture's network: timm's name or the constructor, with the library in front where the
 * zoo has an alias for just that library's meaning (`pytorchcv/alexnet`).
 */
export function fixtureName(entry: { module: string; constructor: string; kwargs: Readonly<Record<string, unknown>> }, aliases: Readonly<Record<string, string>>): string {
  const { model_name } = entry.kwargs;
  const name = typeof model_name === 'string' ? model_name : entry.constructor;
  const qualified = `${entry.module.split('.')[0]}/${name}`;
  return Object.hasOwn(aliases, qualified) ? qualified : name;
}
