/** Counts of passed, failed and skipped tools and tests. */

/** The results of some tools or tests. */
export interface Tally {
  /** How many passed. */
  readonly passed: number;
  /** How many failed, or did not end. */
  readonly failed: number;
  /** How many were skipped, with a reason. */
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

/** Returns a tally as text for people. */
export function describe({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

/** Returns a duration in seconds, as text for people. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
