/** The bindings of the examples, as `wrangler types` would generate them from a wrangler.jsonc. */

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
