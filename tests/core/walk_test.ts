/**
 * Long walks through big pools, at random but from a seed: whatever happens in whatever order,
 * what the core knows is true, the core keeps its promises, and a drain finishes.
 */

import { test } from "node:test";
import fc from "fast-check";
import type { Policy } from "../../src/core/mod.ts";
import { runs } from "./support/seed.ts";
import { type Choice, type Mood, Walker } from "./support/walker.ts";

const TARGETS = 40;

const choice: fc.Arbitrary<Choice> = fc.record({
  kind: fc.nat({ max: 99 }),
  pick: fc.nat({ max: 1_000_000 }),
  ms: fc.oneof({ weight: 8, arbitrary: fc.nat({ max: 3 }) }, {
    weight: 1,
    arbitrary: fc.nat({ max: 300 }),
  }),
  random: fc.integer({ min: 0, max: 999 }).map((part) => part / 1000),
});

const policy: fc.Arbitrary<Policy> = fc.record({
  connectionLimit: fc.constantFrom(3, 20, 300),
  queueLimit: fc.constantFrom(50, Infinity),
  idleTimeout: fc.constantFrom(200, 2000, 1_000_000),
  maxIdle: fc.constantFrom(0, 2, Infinity),
  idleCut: fc.constantFrom(0, 190),
  maxLifetime: fc.constantFrom(1000, 10_000, Infinity),
  validateAfter: fc.constantFrom(0, 100, Infinity),
  handoverMs: fc.constantFrom(0, 50, Infinity),
  backoffMin: fc.constantFrom(1, 50),
  backoffMax: fc.constant(400),
  virtuals: fc.array(
    fc.record({
      target: fc.nat({ max: TARGETS - 1 }),
      limit: fc.constantFrom(1, 3, 100, Infinity),
      minimum: fc.constantFrom(0, 0, 2, 10),
    }),
    { minLength: 3, maxLength: 12 },
  ),
});

const mood: fc.Arbitrary<Mood> = fc.record({
  releasing: fc.constantFrom(2, 20, 28),
  isCalm: fc.boolean(),
});

for (const steps of [60, 3000]) {
  test(`the core keeps its promises in walks of ${steps} steps, and a drain finishes`, () => {
    const way = fc.noBias(fc.array(choice, { maxLength: steps, size: "max" }));
    fc.assert(
      fc.property(policy, mood, way, fc.boolean(), (told, how, choices, serveQueue) => {
        const walker = new Walker(told, TARGETS, how);
        for (const one of choices) walker.take(one);
        walker.end(serveQueue);
      }),
      runs(steps === 60 ? 100 : 8),
    );
  });
}
