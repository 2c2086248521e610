/** How a cluster chooses among the nodes that answer to a pattern. */

/** Chooses a node. */
export type Selector = (nodes: readonly string[]) => string | undefined;

const selectors: Readonly<Record<string, () => Selector>> = {
  /** One after another. */
  RR: () => {
    let next = 0;
    return (nodes) => nodes[next++ % nodes.length];
  },
  /** By chance. */
  RANDOM: () => (nodes) => nodes[Math.floor(Math.random() * nodes.length)],
  /** The first that there is. */
  ORDER: () => (nodes) => nodes[0],
};

/** Returns a selector by its name, in capitals or not; throws if there is none of that name. */
export function selectorNamed(name: string): Selector {
  const make = selectors[name.toUpperCase()];
  if (make !== undefined) return make();
  const known = Object.keys(selectors).join(", ");
  throw new RangeError(`There is no selector ${JSON.stringify(name)}: known are ${known}`);
}

/** Returns what matches the names that a pattern means; a star in it stands for anything. */
export function expressionOf(pattern: string | RegExp): RegExp {
  if (typeof pattern !== "string") return pattern;
  const parts = pattern.split("*").map((part) => part.replace(/[.+?^=!:${}()|[\]/\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`);
}
