/**
 * A program that uses two handles of one pool, in one of several ways.
 *
 * Its arguments are the URI of the server and the way.
 */

import process from "node:process";
import { createPool } from "../../../../mod.ts";

const [, , uri = "", way = ""] = process.argv;

const ways: Readonly<Record<string, () => unknown>> = {
  async "one is drained, the other left open"() {
    const [one, other] = [createPool(uri), createPool(uri)];
    await Promise.all([one.query("SELECT 1"), other.query("SELECT 1")]);
    await one.drain();
    console.log(other.stats().phase);
  },
  async "the drain of one waits for a pause"() {
    const [one, other] = [createPool(uri), createPool(uri)];
    await one.query("SELECT 1");
    one.pause();
    const answer = one.query("SELECT 1");
    // Neither this timer nor the idle socket keeps the process alive: only the waiter does.
    setTimeout(() => other.resume(), 300).unref();
    await one.drain();
    console.log((await answer)[0].length);
  },
  async "both are drained"() {
    const [one, other] = [createPool(uri), createPool(uri)];
    await one.query("SELECT 1");
    await Promise.all([one.drain(), other.drain()]);
    console.log(one.stats().phase);
  },
  "two that differ in a closure"() {
    const reload = () => createPool({ uri, password: () => "secret" });
    for (let i = 0; i < 3; i++) reload();
    console.log("made");
  },
};

await ways[way]?.();
