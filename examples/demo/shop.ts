/**
 * The application: a shop on three virtual connections over one small pool.
 *
 * Nothing here opens, passes on or gives back a connection. The functions say which virtual
 * connection a statement goes through; the unit of work they are called in does the rest.
 */

import type { ResultSetHeader, RowDataPacket } from "mysql2";
import { createPool, type Pool, type VirtualConnection } from "../../mod.ts";
import { type Databases, giftSku } from "./shop_data.ts";

/** An article, and how many of it. */
export interface Line {
  /** The article's number. */
  readonly sku: number;
  /** How many. */
  readonly quantity: number;
}

/** What a customer wants. */
export interface OrderRequest {
  /** What the client knows the order by. */
  readonly token: string;
  /** Who pays. */
  readonly customer: number;
  /** What is wanted. */
  readonly lines: readonly Line[];
  /** Whether something is to be added to the parcel, if there is any left. */
  readonly hasGift: boolean;
  /** Whether the bank will pay. */
  readonly isCardGood: boolean;
}

/** An order that was carried out. */
export interface Order {
  /** What the client knows it by. */
  readonly token: string;
  /** What it cost. */
  readonly totalCents: number;
}

/** An article on the shelf. */
export interface Article {
  /** Its number. */
  readonly sku: number;
  /** What it is. */
  readonly name: string;
  /** What it costs. */
  readonly price_cents: number;
  /** How many are left. */
  readonly count_left: number;
}

/** The shop says no, for a reason that its customer will understand. */
export class Refusal extends Error {
  /** The HTTP status that says so. */
  readonly status: number;

  /** Creates a refusal. */
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** How many actual connections all virtual ones share. */
export const connectionLimit = 10;
/** How long an actual connection may lie idle, in ms; short, so that the end can be watched. */
export const idleTimeout = 1_500;

/** The shop, and the pool it runs on. */
export class Shop {
  /** The pool. */
  readonly db: Pool<"shop" | "reports" | "sessions">;
  readonly #shop: VirtualConnection;
  readonly #reports: VirtualConnection;
  readonly #sessions: VirtualConnection;
  readonly #articleBySku: (values: { sku: number }) => Promise<Article[]>;

  /** Creates the shop; no socket is opened. */
  constructor(uri: string, databases: Databases) {
    this.db = createPool({
      uri,
      connectionLimit,
      idleTimeout,
      connections: {
        shop: { database: databases.shop },
        reports: { database: databases.shop, limit: 2 },
        sessions: { database: databases.sessions },
      },
    });
    this.#shop = this.db.connection("shop");
    this.#reports = this.db.connection("reports");
    this.#sessions = this.db.connection("sessions");
    this.#articleBySku = this.#shop.method<{ sku: number }, Article>(
      "SELECT sku, name, price_cents, count_left FROM stock WHERE sku = :sku",
    );
  }

  /** Returns an article. */
  async article(sku: number): Promise<Article> {
    const [article] = await this.#articleBySku({ sku });
    if (article === undefined) throw new Refusal(404, `There is no article ${sku}`);
    return article;
  }

  /** Returns a customer and what they ordered last. */
  async customer(id: number): Promise<object> {
    const [[customer]] = await this.#shop.execute<RowDataPacket[]>(
      "SELECT id, name, city, spent_cents FROM customers WHERE id = ?",
      [id],
    );
    if (customer === undefined) throw new Refusal(404, `There is no customer ${id}`);
    const [orders] = await this.#shop.execute<RowDataPacket[]>(
      "SELECT id, total_cents FROM orders WHERE customer_id = ? ORDER BY id DESC LIMIT 5",
      [id],
    );
    return { ...customer, orders };
  }

  /** Returns what sells best, of a part of the shelf: slow, so at most two at once. */
  async bestSellers(fromSku: number): Promise<object[]> {
    const [rows] = await this.#reports.query<RowDataPacket[]>(
      `SELECT s.sku, s.name, SUM(l.quantity) AS sold
       FROM stock s JOIN order_lines l ON l.sku = s.sku
       WHERE s.sku BETWEEN ? AND ? GROUP BY s.sku, s.name ORDER BY sold DESC, s.sku LIMIT 5`,
      [fromSku, fromSku + 99],
    );
    return rows;
  }

  /** Counts a visit. */
  async visit(visitor: string): Promise<void> {
    await this.#sessions.execute(
      "INSERT INTO visits VALUES (?, 1) ON DUPLICATE KEY UPDATE hits = hits + 1",
      [visitor],
    );
  }

  /** Carries out an order, or nothing of it. */
  async order(request: OrderRequest): Promise<Order> {
    return await this.#shop.transaction(async () => {
      const [{ insertId }] = await this.#shop.execute<ResultSetHeader>(
        "INSERT INTO orders (token, customer_id, total_cents) VALUES (?, ?, 0)",
        [request.token, request.customer],
      );
      let totalCents = 0;
      for (const line of request.lines) totalCents += await this.#pack(insertId, line);
      if (request.hasGift) totalCents += await this.#packGift(insertId);
      await this.#shop.execute("UPDATE orders SET total_cents = ? WHERE id = ?", [
        totalCents,
        insertId,
      ]);
      await this.#charge(request, totalCents);
      return { token: request.token, totalCents };
    });
  }

  /** Takes an article from the shelf; joins the transaction it is called in. */
  async #pack(order: number, { sku, quantity }: Line): Promise<number> {
    const { name, price_cents } = await this.article(sku);
    await this.#shop.execute("INSERT INTO order_lines VALUES (?, ?, ?)", [order, sku, quantity]);
    const [{ affectedRows }] = await this.#shop.execute<ResultSetHeader>(
      "UPDATE stock SET count_left = count_left - ? WHERE sku = ? AND count_left >= ?",
      [quantity, sku, quantity],
    );
    if (affectedRows === 0) throw new Refusal(409, `There are not enough of ${name}`);
    return quantity * price_cents;
  }

  /** Adds a gift if there is one: a transaction in a transaction, which may fail alone. */
  async #packGift(order: number): Promise<number> {
    try {
      return await this.#shop.transaction(() => this.#pack(order, { sku: giftSku, quantity: 1 }));
    } catch (error) {
      if (error instanceof Refusal) return 0;
      throw error;
    }
  }

  async #charge({ customer, isCardGood }: OrderRequest, totalCents: number): Promise<void> {
    await this.#shop.execute("UPDATE customers SET spent_cents = spent_cents + ? WHERE id = ?", [
      totalCents,
      customer,
    ]);
    if (!isCardGood) throw new Refusal(402, "The bank does not pay");
  }
}
