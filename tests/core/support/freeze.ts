/** Freezes the input of the core, so that a step that writes to it throws at once. */

/** Freezes a value and all below it, except what is frozen already, and returns the value. */
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
