/** What is known of names: who asks, who waits for whom, and what is forgotten by what. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { analyserOf } from "../../src/mysql/statement.ts";
import type { Asking } from "../../src/mysql/stored_object_texts.ts";
import { ObjectChanges, StoredObjects } from "../../src/mysql/stored_objects.ts";
import type { TableNames } from "../../src/mysql/table_names.ts";

type Answer = (error: Error | null, rows: readonly unknown[]) => void;

/** A session whose questions the test answers. */
class Asked {
  readonly answers: Answer[] = [];
  readonly asking: Asking = {
    driver: { query: (_: object, answer: Answer) => void this.answers.push(answer) } as never,
    analyser: analyserOf("9.7.4", []),
    isWarned: () => false,
  };

  /** Answers the next question: there are no views and no triggers of these names. */
  answer(): void {
    this.answers.shift()?.(null, []);
  }
}

const names = (...list: string[]): TableNames => ({ names: list, schemas: [] });

/** Lets promises that are settled have their effects. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("sessions that ask the same share one question, but not for long", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const objects = new StoredObjects(true, new ObjectChanges());
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

test("who asks something else waits for nobody", async () => {
  const objects = new StoredObjects(true, new ObjectChanges());
  const [first, second] = [new Asked(), new Asked()];
  const one = objects.learn(first.asking, new Set(["a"]));
  const two = objects.learn(second.asking, new Set(["b"]));
  await settled();
  second.answer();
  await two;
  first.answer();
  await one;
});

test("a new database has only what is named with it asked for anew", async () => {
  const objects = new StoredObjects(true, new ObjectChanges());
  const asked = new Asked();
  const learn = async (...list: string[]): Promise<void> => {
    const learning = objects.learn(asked.asking, new Set(list));
    await settled();
    asked.answer();
    await learning;
  };
  const users = (schema: string): TableNames => ({ names: [schema, "u"], schemas: [schema] });
  await learn("a", "u");
  assert.deepEqual([...new Set(objects.behind(users("d1")).unknown)].sort(), ["d1", "u"]);
  for (const schema of ["d1", "d2"]) {
    await learn(schema, "u");
    assert.deepEqual(objects.behind(users(schema)).unknown, []);
    assert.deepEqual(objects.behind(names("a", "u")).unknown, []);
  }
  assert.deepEqual(objects.behind(users("d1")).unknown, []);
});

test("a change has all asked for anew, and what was asked before it is not kept", async () => {
  const changes = new ObjectChanges();
  const objects = new StoredObjects(true, changes);
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
