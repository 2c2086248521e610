/**
 * The application: a shop on three virtual connections over one small pool.
 *
 * No function here opens, passes on or releases a connection. A function names the virtual
 * connection of a statement; the unit of work around the call does the rest.
 */

import type { ResultSetHeader, RowDataPacket } from "mysql2";
import { createPool, type Pool, type VirtualConnection } from "../../mod.ts";
import { type Databases, giftSku } from "./shop_data.ts";

/** An article and its quantity in an order. */
export interface Line {
  /** The article's number. */
  readonly sku: number;
  /** How many. */
  readonly quantity: number;
}

/** An order as a client sends it. */
export interface OrderRequest {
  /** The client's name of the order. */
  readonly token: string;
  /** The number of the customer who pays. */
  readonly customer: number;
  /** The ordered articles. */
  readonly lines: readonly Line[];
  /** Whether to add a gift, if one is left. */
  readonly hasGift: boolean;
  /** Whether the bank will pay. */
  readonly isCardGood: boolean;
}

/** An order that the shop has carried out. */
export interface Order {
  /** The client's name of the order. */
  readonly token: string;
  /** Its price. */
  readonly totalCents: number;
}

/** An article on the shelf. */
export interface Article {
  /** Its number. */
  readonly sku: number;
  /** Its name. */
  readonly name: string;
  /** Its price. */
  readonly price_cents: number;
  /** How many are left. */
  readonly count_left: number;
}

/** The error of a request that the shop refuses, with a reason for the customer. */
export class Refusal extends Error {
  /** The HTTP status of the answer. */
  readonly status: number;

  /** Creates a refusal. */
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** How many actual connections all virtual connections share. */
export const connectionLimit = 10;
/** How long an actual connection may be idle, in ms; short, so that the demo shows its end. */
export const idleTimeout = 1_500;

/** The shop, and its pool. */
export class Shop {
  /** The pool. */
  readonly db: Pool<"shop" | "reports" | "sessions">;
  readonly #shop: VirtualConnection;
  readonly #reports: VirtualConnection;
  readonly #sessions: VirtualConnection;
  readonly #articleBySku: (values: { sku: number }) => Promise<Article[]>;

  /** Creates the shop; the pool opens no socket yet. */
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

  /** Returns a customer and the customer's last orders. */
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

  /** Returns the best sellers of a part of the shelf: slow, so at most two run at once. */
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

  /** Carries out an order completely or not at all. */
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

  /** Takes an article from the shelf; joins the transaction around the call. */
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

  /** Adds a gift if one is left: a nested transaction, which may roll back alone. */
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
