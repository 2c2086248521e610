/** Closes the books: compares the answers that the clients got with the rows at the server. */

import type { Server } from "../../tests/support/server.ts";
import type { Ledger } from "./ledger.ts";
import type { Databases } from "./shop_data.ts";
import { sizes } from "./shop_data.ts";

/** A claim, and whether it holds. */
export interface Finding {
  /** The claim. */
  readonly claim: string;
  /** Whether the claim holds. */
  readonly isSo: boolean;
  /** The counts behind it. */
  readonly found: string;
}

/** Checks the books, on a connection that is not the pool's. */
export async function closeBooks(
  server: Server,
  databases: Databases,
  ledger: Ledger,
): Promise<Finding[]> {
  const shop = `\`${databases.shop}\``;
  const placed = await server.query<{ token: string; total: number }>(
    `SELECT token, total_cents AS total FROM ${shop}.orders WHERE id > ?`,
    [sizes.orders],
  );
  return [
    ...ordersAsPromised(placed, ledger),
    await none(
      server,
      "stock: what there was = what is left + what was sold, for every article",
      `SELECT s.sku FROM ${shop}.stock s LEFT JOIN ${shop}.order_lines l ON l.sku = s.sku
       GROUP BY s.sku, s.count_initial, s.count_left
       HAVING s.count_left < 0 OR s.count_initial <> s.count_left + COALESCE(SUM(l.quantity), 0)`,
    ),
    await none(
      server,
      "totals: every order costs what its lines cost, and none has no lines",
      `SELECT o.id FROM ${shop}.orders o LEFT JOIN ${shop}.order_lines l ON l.order_id = o.id
       LEFT JOIN ${shop}.stock s ON s.sku = l.sku GROUP BY o.id, o.total_cents
       HAVING o.total_cents <> COALESCE(SUM(l.quantity * s.price_cents), -1)`,
    ),
    await none(
      server,
      "customers: each has spent what their orders cost",
      `SELECT c.id FROM ${shop}.customers c LEFT JOIN ${shop}.orders o ON o.customer_id = c.id
       GROUP BY c.id, c.spent_cents HAVING c.spent_cents <> COALESCE(SUM(o.total_cents), 0)`,
    ),
    await visitsCounted(server, databases, ledger),
  ];
}

function ordersAsPromised(
  placed: readonly { token: string; total: number }[],
  { acknowledged, refused, unknown }: Ledger,
): Finding[] {
  const totals = Map.groupBy(placed, ({ token }) => token);
  const count = (tokens: Iterable<string>): number =>
    [...tokens].filter((token) => totals.has(token)).length;
  const wrong = [...acknowledged.values()].filter(({ token, totalCents }) => {
    const found = totals.get(token) ?? [];
    return found.length !== 1 || found[0]?.total !== totalCents;
  });
  const strangers = [...totals.keys()].filter((token) =>
    !acknowledged.has(token) && !unknown.has(token)
  );
  const repeated = [...unknown].filter((token) => (totals.get(token)?.length ?? 0) > 1);
  return [
    {
      claim: "acknowledged orders: each is there exactly once, at its price",
      isSo: wrong.length === 0,
      found: `${acknowledged.size} acknowledged, ${wrong.length} wrong`,
    },
    {
      claim: "refused orders: none is there",
      isSo: count(refused) === 0 && strangers.length === 0,
      found: `${refused.size} refused, ${strangers.length} there`,
    },
    {
      claim: "orders whose client left: each is there once, or not at all",
      isSo: repeated.length === 0,
      found: `${unknown.size} left, ${count(unknown)} there, ${repeated.length} twice`,
    },
  ];
}

async function none(server: Server, claim: string, sql: string): Promise<Finding> {
  const rows = await server.query(sql);
  return { claim, isSo: rows.length === 0, found: `${rows.length} wrong` };
}

async function visitsCounted(
  server: Server,
  databases: Databases,
  { visitCount, visitUnknownCount }: Ledger,
): Promise<Finding> {
  const [row] = await server.query<{ hits: string }>(
    `SELECT COALESCE(SUM(hits), 0) AS hits FROM \`${databases.sessions}\`.visits`,
  );
  const hits = Number(row?.hits);
  return {
    claim: "visits: each acknowledged one was counted, and none that nobody made",
    isSo: hits >= visitCount && hits <= visitCount + visitUnknownCount,
    found: `${visitCount} acknowledged, ${visitUnknownCount} uncertain, ${hits} counted`,
  };
}
