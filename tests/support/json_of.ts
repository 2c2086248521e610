/** Returns a value as JSON, with each object only once, so that cycles do not throw. */
export function jsonOf(thing: unknown): string {
  const seen = new Set<unknown>();
  return String(JSON.stringify(thing, (_, inner: unknown) => {
    if (typeof inner === "bigint") return String(inner);
    if (typeof inner !== "object" || inner === null) return inner;
    if (seen.has(inner)) return undefined;
    seen.add(inner);
    return inner;
  }));
}
