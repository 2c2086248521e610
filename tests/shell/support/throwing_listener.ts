/** A program whose listener throws while the pool grants a lease to a statement. */

import { createWorld, endsEmpty, seen } from "./pool.ts";

process.on("uncaughtException", (error) => console.log(`uncaught: ${error.message}`));

const world = createWorld();
world.db.once("acquire", () => {
  throw new Error("the listener's");
});
console.log(`answered: ${(await seen(world.db)).sql}`);
await endsEmpty(world);
