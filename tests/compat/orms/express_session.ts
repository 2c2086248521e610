/** express-mysql-session on the pool: a site that recognises its visitors. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { assertLost } from "./support/failing.ts";
import { type Place, type PromisePool, work } from "./support/place.ts";
import type { Pool } from "../../../src/entries/compat.ts";

/** The parts of the two packages that this program uses; the packages have no types. */
interface Store {
  onReady(): Promise<void>;
  length(): Promise<number>;
  set(id: string, data: object): Promise<void>;
  get(id: string): Promise<object | null>;
  clearExpiredSessions(): Promise<unknown>;
  clear(): Promise<unknown>;
  close(): Promise<void>;
}
type StoreClass = new (options: object, pool: Pool | PromisePool) => Store;
interface Session {
  visitCount?: number;
  destroy(done: (error?: Error) => void): void;
}
type Request = IncomingMessage & { readonly session: Session };
type Middleware = (request: unknown, response: unknown, next: (error?: Error) => void) => void;

const require = createRequire(import.meta.url);
const session: (options: object) => Middleware = require("express-session");
const MySQLStore: StoreClass = require("express-mysql-session")(session);

/** Returns a site that counts the visits of each visitor, and at /leave destroys the session. */
function siteOf(store: Store, place: Place): Server {
  const knowing = session({ secret: "any", resave: false, saveUninitialized: false, store });
  const answer = (error: Error | undefined, request: Request, response: ServerResponse): void => {
    if (error) return void response.writeHead(500).end(error.message);
    if (request.url === "/leave") return request.session.destroy(() => response.end("0"));
    request.session.visitCount = (request.session.visitCount ?? 0) + 1;
    response.end(String(request.session.visitCount));
  };
  return createServer((request, response) => {
    // The close of Deno's server may wait for clients that keep their connections alive.
    response.setHeader("connection", "close");
    const served = place.unit(() =>
      new Promise<void>((resolve) => {
        response.once("close", resolve);
        knowing(request, response, (error) => answer(error, request as Request, response));
      })
    );
    served.catch((error: unknown) => response.destroy(error as Error));
  });
}

/** Visits a site with one cookie jar; returns the response texts. */
async function visit(url: string, paths: readonly string[]): Promise<string[]> {
  const said: string[] = [];
  let cookie = "";
  for (const path of paths) {
    const response = await fetch(new URL(path, url), { headers: { cookie } });
    cookie = response.headers.getSetCookie()[0]?.split(";")[0] ?? cookie;
    said.push(await response.text());
  }
  return said;
}

async function crowds(store: Store, place: Place): Promise<void> {
  const site = siteOf(store, place).listen(0, "127.0.0.1");
  await once(site, "listening");
  const url = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  const paths = ["/", "/", "/", "/leave", "/"];
  const all = await place.crowd(Array.from({ length: 20 }, () => () => visit(url, paths)));
  for (const said of all) assert.deepEqual(said, ["1", "2", "3", "0", "1"]);
  assert.equal(await store.length(), 20);
  site.close();
  await once(site, "close");
}

async function expires(store: Store): Promise<void> {
  await store.clear();
  await store.set("old", { cookie: { expires: new Date(0) } });
  await store.set("new", { visitCount: 7 });
  assert.equal(await store.get("old"), null);
  assert.deepEqual(await store.get("new"), { visitCount: 7 });
  await store.clearExpiredSessions();
  assert.equal(await store.length(), 1);
}

await work(async (place) => {
  const { pool } = place;
  const store = new MySQLStore({}, pool);
  await store.onReady();
  await crowds(store, place);
  await expires(store);
  assertLost(await place.killedWaiting("sessions", () => store.get("new")));
  assert.deepEqual(await store.get("new"), { visitCount: 7 });
  await store.close();
  // With `endConnectionOnClose`, the store ends a promise pool.
  const other = new MySQLStore({ endConnectionOnClose: true }, pool.promise());
  await other.onReady();
  assert.equal(await other.length(), 1);
  await other.close();
});
