type Child = Node | string | undefined;
type Attributes = Readonly<Record<string, string | boolean | undefined | ((event: Event) => void)>>;

/**
 * Builds an element. Strings become text nodes, so no value from a record can become markup; functions become event
 * listeners; `true` sets an empty attribute, `false` and undefined leave it out.
 */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, '');
    else if (typeof value === 'string') element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

/** A name from a record: isolated, so that right-to-left marks in it do not reorder its surroundings. */
export function name(text: string): HTMLElement {
  return h('bdi', {}, text);
}

/** The element with this id. Throws an Error when the page lacks it. */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no element #${id}`);
  return element;
}

/** A term with its value; entries without a value are left out. */
export type Fact = readonly [term: string, value: string | Node | undefined];

/** A definition list of the facts that have a value. */
export function facts(entries: readonly Fact[]): HTMLElement {
  const pairs = entries.flatMap(([term, value]) => (value === undefined || value === '' ? [] : [h('dt', {}, term), h('dd', {}, value)]));
  return h('dl', {}, ...pairs);
}
