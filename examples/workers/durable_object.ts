/**
 * A Durable Object: its sockets outlive requests, so its pool does, too. Each object has its own
 * pool, as objects that share an isolate cannot share sockets.
 */

import { DurableObject, env } from "cloudflare:workers";
import { createPool, type Pool } from "../../mod.ts";

/** The Durable Object of one shop. */
export class Shop extends DurableObject {
  readonly #db: Pool<"main"> = createPool({
    uri: env.MYSQL_URL,
    connectionLimit: 4,
    lifespan: "pool",
  });

  /** Runs as a unit of work on a connection that the object keeps. */
  visit(path: string): Promise<Record<string, unknown> | undefined> {
    return this.#db.unit(async () => {
      await this.#db.query("SET @path = ?", [path]);
      const [[row]] = await this.#db.query("SELECT @path AS path, CONNECTION_ID() AS connection");
      return row;
    });
  }
}

export default {
  async fetch(request: Request): Promise<Response> {
    const { hostname, pathname } = new URL(request.url);
    return Response.json(await env.SHOP.getByName(hostname).visit(pathname));
  },
} satisfies ExportedHandler;
