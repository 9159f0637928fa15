/**
 * timm's names of networks whose layers carry torchvision's. Both libraries compute the same thing in the same order, so where timm's
 * naming says the order of execution, weights go to the model's layers in their order. (A safetensors file has no order of its own.)
 */

/** Module paths inside a block of timm's `_efficientnet_blocks.py`, in the order of execution. */
const SEPARABLE = ['conv_dw', 'bn1', 'se.conv_reduce', 'se.conv_expand', 'conv_pw', 'bn2'];
const INVERTED = ['conv_pw', 'bn1', 'conv_dw', 'bn2', 'se.conv_reduce', 'se.conv_expand', 'conv_pwl', 'bn3'];
const PLAIN = ['conv', 'bn1'];

/** timm's VGG makes convolutions of the first two classifier layers, which hold the same numbers in the same order. */
const VGG: Readonly<Record<string, string>> = { 'pre_logits.fc1': 'classifier.0', 'pre_logits.fc2': 'classifier.3', 'head.fc': 'classifier.6' };

const moduleOf = (name: string) => name.slice(0, name.lastIndexOf('.'));

/**
 * What each of timm's modules is called in the model; undefined where the names are not timm's, or do not have one module for
 * each of the model's.
 * @param wanted names of the model's weights, in the order of its layers.
 */
export function fromTimm(names: Iterable<string>, wanted: readonly string[]): ReadonlyMap<string, string> | undefined {
  const modules = new Set([...names].map(moduleOf));
  const targets = [...new Set(wanted.map(moduleOf))];
  if (targets.every((target) => modules.has(target))) return undefined;
  const renamed = Object.entries(VGG).filter(([from, to]) => modules.has(from) && targets.includes(to));
  if (renamed.length > 0) return new Map(renamed);
  const order = modules.has('conv_stem') ? executionOrder(modules) : undefined;
  return order?.length === targets.length ? new Map(order.map((module, i) => [module, targets[i] as string])) : undefined;
}

/** Stem, blocks by stage and place, head; undefined where a module has no place in it. */
function executionOrder(modules: ReadonlySet<string>): string[] | undefined {
  const blocks = new Map<string, [stage: number, block: number]>();
  for (const module of modules) {
    const match = /^blocks\.(\d{1,3})\.(\d{1,3})\./.exec(module);
    if (match) blocks.set(match[0], [Number(match[1]), Number(match[2])]);
  }
  const sorted = [...blocks].sort(([, [a, b]], [, [c, d]]) => a - c || b - d);
  const inside = sorted.flatMap(([path]) => {
    const roles = modules.has(`${path}conv_pwl`) ? INVERTED : modules.has(`${path}conv_dw`) ? SEPARABLE : PLAIN;
    return roles.map((role) => `${path}${role}`);
  });
  const order = ['conv_stem', 'bn1', ...inside, 'conv_head', 'bn2', 'classifier'].filter((module) => modules.has(module));
  return order.length === modules.size ? order : undefined;
}
