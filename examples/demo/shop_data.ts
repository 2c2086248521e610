/**
 * The input: 100,000 rows of a small shop, generated from a seed and loaded in few statements.
 *
 * The stock already lacks the articles sold before today, so the books balance when the shop
 * opens. The demo shows that they still balance when it closes.
 */

import type { Connection } from "mysql2/promise";
import type { Chance } from "./chance.ts";

/** The names of the shop's databases on the server. */
export interface Databases {
  /** Customers, stock and orders. */
  readonly shop: string;
  /** Visits. */
  readonly sessions: string;
}

/** The number of rows in each table when the shop opens; 100,000 in all. */
export const sizes = { customers: 10_000, stock: 2_000, orders: 40_000, lines: 48_000 } as const;

/** The article that the shop gives away while stock lasts; its number is the highest. */
export const giftSku: number = sizes.stock;

type Row = (string | number)[];

const rowsPerInsert = 2_000;
const cities = ["Athens", "Bergen", "Cork", "Delft", "Essen", "Ferrara", "Ghent", "Hobart"];
const adjectives = ["blue", "small", "folding", "wooden", "silent", "wool", "enamel", "paper"];
const nouns = ["lamp", "kettle", "ladder", "notebook", "stool", "scarf", "clock", "basket"];

const tables: readonly string[] = [
  `customers (
    id INT PRIMARY KEY, name VARCHAR(40) NOT NULL, city VARCHAR(20) NOT NULL,
    spent_cents BIGINT NOT NULL)`,
  `stock (
    sku INT PRIMARY KEY, name VARCHAR(40) NOT NULL, price_cents INT NOT NULL,
    count_initial INT NOT NULL, count_left INT NOT NULL)`,
  // The token is the client's name of its order. It is not unique, so that the books can show
  // whether the shop carried out an order twice.
  `orders (
    id INT AUTO_INCREMENT PRIMARY KEY, token VARCHAR(24) NOT NULL, customer_id INT NOT NULL,
    total_cents INT NOT NULL, INDEX (token), INDEX (customer_id))`,
  `order_lines (
    order_id INT NOT NULL, sku INT NOT NULL, quantity INT NOT NULL,
    PRIMARY KEY (order_id, sku), INDEX (sku))`,
];

/** Creates and fills the shop's databases, and reports the number of rows so far. */
export async function loadShop(
  connection: Connection,
  databases: Databases,
  chance: Chance,
  progress: (rowCount: number) => void,
): Promise<void> {
  await connection.query(`CREATE DATABASE \`${databases.sessions}\``);
  await connection.query(
    `CREATE TABLE \`${databases.sessions}\`.visits (
      visitor VARCHAR(24) PRIMARY KEY, hits INT NOT NULL)`,
  );
  await connection.query(`CREATE DATABASE \`${databases.shop}\``);
  await connection.query(`USE \`${databases.shop}\``);
  for (const table of tables) await connection.query(`CREATE TABLE ${table} ENGINE=InnoDB`);
  let rowCount = 0;
  for (const [table, rows] of Object.entries(generate(chance))) {
    for (let i = 0; i < rows.length; i += rowsPerInsert) {
      const some = rows.slice(i, i + rowsPerInsert);
      await connection.query(`INSERT INTO ${table} VALUES ?`, [some]);
      rowCount += some.length;
      progress(rowCount);
    }
  }
}

/** Removes the shop's databases. */
export async function dropShop(connection: Connection, databases: Databases): Promise<void> {
  for (const name of Object.values(databases)) {
    await connection.query(`DROP DATABASE IF EXISTS \`${name}\``);
  }
}

function generate(chance: Chance): Record<"customers" | "stock" | "orders" | "order_lines", Row[]> {
  const prices = Array.from({ length: sizes.stock + 1 }, () => chance.between(150, 9_900));
  const sold = new Array<number>(sizes.stock + 1).fill(0);
  const spent = new Array<number>(sizes.customers + 1).fill(0);
  const orders: Row[] = [];
  const lines: Row[] = [];
  for (let id = 1; id <= sizes.orders; id++) {
    const customer = chance.between(1, sizes.customers);
    const sku = chance.between(1, sizes.stock - 1);
    // Every fifth order has two lines: 48,000 lines for 40,000 orders.
    const skus = id % 5 === 0 ? [sku, sku + 1] : [sku];
    let total = 0;
    for (const each of skus) {
      const quantity = chance.between(1, 3);
      lines.push([id, each, quantity]);
      sold[each] = (sold[each] ?? 0) + quantity;
      total += quantity * (prices[each] ?? 0);
    }
    spent[customer] = (spent[customer] ?? 0) + total;
    orders.push([id, `history-${id}`, customer, total]);
  }
  const customers = Array.from({ length: sizes.customers }, (_, i): Row => {
    return [i + 1, `Customer ${i + 1}`, chance.pick(cities), spent[i + 1] ?? 0];
  });
  const stock = Array.from({ length: sizes.stock }, (_, i): Row => {
    const sku = i + 1;
    const left = sku === giftSku ? 100 : chance.between(20, 400);
    const name = `${chance.pick(adjectives)} ${chance.pick(nouns)} ${sku}`;
    return [sku, name, prices[sku] ?? 0, left + (sold[sku] ?? 0), left];
  });
  return { customers, stock, orders, order_lines: lines };
}
