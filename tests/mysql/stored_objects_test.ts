/** Views and triggers behind names: which session looks them up or waits, and what is forgotten. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { analyserOf } from "../../src/mysql/statement.ts";
import type { Asking } from "../../src/mysql/look_up.ts";
import { Sight } from "../../src/mysql/sight.ts";
import { ObjectChanges, StoredObjects } from "../../src/mysql/stored_objects.ts";
import type { TableNames } from "../../src/mysql/table_names.ts";

type Answer = (error: Error | null, rows: readonly unknown[]) => void;

/** A session whose look-ups the test answers. */
class Asked {
  readonly answers: Answer[] = [];
  readonly asking: Asking = {
    driver: { query: (_: object, answer: Answer) => void this.answers.push(answer) } as never,
    analyser: analyserOf("9.7.4", []),
    loggedInAt: 0,
    isRoleNoted: false,
    isWarned: () => false,
  };

  /** Answers the next look-up: these names are databases, and there are no views or triggers. */
  answer(...databases: readonly string[]): void {
    this.answers.shift()?.(null, databases.map((name) => [4, name, name, null, null, null]));
  }
}

const names = (...list: string[]): TableNames => ({ names: list, schemas: [], databases: [] });

/** Lets the reactions to settled promises run. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Returns a function that looks names up; the server has databases d0, d1 … and nothing else. */
function learner(objects: StoredObjects): (...list: string[]) => Promise<void> {
  const asked = new Asked();
  return async (...list) => {
    const learning = objects.learn(asked.asking, new Set(list));
    await settled();
    asked.answer(...list.filter((name) => /^d\d/.test(name)));
    await learning;
  };
}

test("sessions that need the same names share one look-up, but not for long", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const objects = new StoredObjects(true, new ObjectChanges(), new Sight(true));
  const [first, second] = [new Asked(), new Asked()];
  const one = objects.learn(first.asking, new Set(["a", "b"]));
  const two = objects.learn(second.asking, new Set(["a"]));
  await settled();
  assert.deepEqual([first.answers.length, second.answers.length], [1, 0]);
  context.mock.timers.tick(1000);
  await settled();
  assert.equal(second.answers.length, 1);
  second.answer();
  assert.deepEqual((await two).unknown, []);
  first.answer();
  await one;
  assert.deepEqual(objects.behind(names("a", "b")).unknown, []);
});

test("a session that needs other names does not wait", async () => {
  const objects = new StoredObjects(true, new ObjectChanges(), new Sight(true));
  const [first, second] = [new Asked(), new Asked()];
  const one = objects.learn(first.asking, new Set(["a"]));
  const two = objects.learn(second.asking, new Set(["b"]));
  await settled();
  second.answer();
  await two;
  first.answer();
  await one;
});

test("a new database repeats the look-up only of names that occur with it", async () => {
  const objects = new StoredObjects(true, new ObjectChanges(), new Sight(true));
  const learn = learner(objects);
  const users = (schema: string): TableNames => ({
    names: [schema, "u"],
    schemas: [schema],
    databases: [],
  });
  await learn("a", "u");
  assert.deepEqual([...new Set(objects.behind(users("d1")).unknown)].sort(), ["d1", "u"]);
  for (const schema of ["d1", "d2"]) {
    await learn(schema, "u");
    assert.deepEqual(objects.behind(users(schema)).unknown, []);
    assert.deepEqual(objects.behind(names("a", "u")).unknown, []);
  }
  assert.deepEqual(objects.behind(users("d1")).unknown, []);
});

test("a name is remembered for 1,000 databases, whatever the look-ups of other names", async () => {
  const objects = new StoredObjects(true, new ObjectChanges(), new Sight(true));
  const learn = learner(objects);
  const isKnown = (schema: string): boolean => {
    return objects.behind({ names: ["u"], schemas: [schema], databases: [] }).unknown.length === 0;
  };
  await learn("a");
  // Each look-up also names the table, which counts as a database then.
  for (let at = 0; at < 998; at++) await learn(`d${at}`, "u");
  assert.deepEqual([isKnown("d0"), isKnown("d997")], [true, true]);
  for (let at = 998; at < 1001; at++) await learn(`d${at}`, "u");
  assert.deepEqual([isKnown("d0"), isKnown("d1000")], [false, true]);
  assert.deepEqual(objects.behind(names("a")).unknown, []);
});

test("a change forgets all names, and the results of look-ups that it overtakes", async () => {
  const changes = new ObjectChanges();
  const objects = new StoredObjects(true, changes, new Sight(true));
  const asked = new Asked();
  const learning = objects.learn(asked.asking, new Set(["a"]));
  await settled();
  changes.age++;
  asked.answer();
  await settled();
  asked.answer();
  await learning;
  assert.deepEqual(objects.behind(names("a")).unknown, []);
  changes.age++;
  assert.deepEqual(objects.behind(names("a")).unknown, ["a"]);
});
