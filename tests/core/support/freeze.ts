/** Freezes what is given to the core, so that a step which writes to it throws at once. */

/** Freezes a value and all below it, and returns it; what is frozen already is passed by. */
export function deepFreeze<T>(value: T): T {
  const open: unknown[] = [value];
  while (open.length > 0) {
    const next = open.pop();
    if (typeof next !== "object" || next === null || Object.isFrozen(next)) continue;
    Object.freeze(next);
    for (const below of Object.values(next)) open.push(below);
  }
  return value;
}
