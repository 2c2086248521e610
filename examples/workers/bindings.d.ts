/** What the examples are bound to, as `wrangler types` would say it from a wrangler.jsonc. */

declare namespace Cloudflare {
  interface Env {
    /** A secret: mysql://user:password@host:port/database. */
    readonly MYSQL_URL: string;
    /** The Durable Objects of durable_object.ts. */
    readonly SHOP: DurableObjectNamespace<import("./durable_object.ts").Shop>;
    /** The Hyperdrive of hyperdrive.ts. */
    readonly HYPERDRIVE: Hyperdrive;
  }
}
