/** What ran and how it went, added up over tools and tests alike. */

/** How many passed and failed, and how many were left out. */
export interface Tally {
  /** How many did what they should. */
  readonly passed: number;
  /** How many did not, or did not end. */
  readonly failed: number;
  /** How many were not run, for a reason that they gave. */
  readonly skipped: number;
}

/** Returns the sum of tallies. */
export function sum(tallies: readonly Tally[]): Tally {
  return tallies.reduce((a, b) => ({
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
  }), { passed: 0, failed: 0, skipped: 0 });
}

/** Returns a tally as people read it. */
export function describe({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

/** Returns a duration in seconds, as people read it. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
