/** Shows live what the pool does: a small chart on a terminal, else a plain line a second. */

import process from "node:process";
import { styleText } from "node:util";
import type { Ledger } from "./ledger.ts";
import type { Look, Watch } from "./watch.ts";

const width = 60;
const frameMs = 200;
const bars = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/** What a chart says of one frame. */
interface Frame {
  readonly title: string;
  readonly atMs: number;
  readonly look: Look;
  readonly requestsPerSecond: number;
  readonly ordersPerSecond: number;
}

/** A chart that is drawn until it is disposed of. */
export class Chart implements Disposable {
  /** What is going on. */
  title = "";
  readonly #watch: Watch;
  readonly #ledger: Ledger;
  readonly #isLive: boolean = process.stdout.isTTY;
  readonly #beganAt: number = performance.now();
  readonly #timer: NodeJS.Timeout;
  readonly #waiting: number[] = [];
  readonly #rates: number[] = [];
  #requestCount = 0;
  #orderCount = 0;
  #drawnAt: number = performance.now();
  #linesDrawn = 0;

  /** Begins to draw. */
  constructor(watch: Watch, ledger: Ledger) {
    this.#watch = watch;
    this.#ledger = ledger;
    this.#timer = setInterval(() => this.#draw(), this.#isLive ? frameMs : 1000);
  }

  /** Draws a last time, and leaves that on the screen. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#draw();
  }

  #draw(): void {
    const now = performance.now();
    const seconds = (now - this.#drawnAt) / 1000;
    const orderCount = this.#ledger.acknowledged.size;
    const frame: Frame = {
      title: this.title,
      atMs: now - this.#beganAt,
      look: this.#watch.latest,
      requestsPerSecond: (this.#ledger.requestCount - this.#requestCount) / seconds,
      ordersPerSecond: (orderCount - this.#orderCount) / seconds,
    };
    this.#drawnAt = now;
    this.#requestCount = this.#ledger.requestCount;
    this.#orderCount = orderCount;
    if (!this.#isLive) {
      process.stdout.write(`${plainLine(frame)}\n`);
      return;
    }
    push(this.#waiting, frame.look.census.waiting);
    push(this.#rates, frame.requestsPerSecond);
    const lines = liveLines(frame, this.#waiting, this.#rates);
    const back = this.#linesDrawn === 0 ? "" : `\x1b[${this.#linesDrawn}A`;
    this.#linesDrawn = lines.length;
    process.stdout.write(back + lines.map((line) => `\x1b[2K${line}\n`).join(""));
  }
}

function plainLine({ title, atMs, look, requestsPerSecond, ordersPerSecond }: Frame): string {
  const { census, serverCount } = look;
  return [
    `${(atMs / 1000).toFixed(1).padStart(6)} s  ${title.padEnd(28)}`,
    `actual ${String(census.size).padStart(2)} of ${census.connectionLimit}`,
    `(${census.leased} leased, ${census.idle} idle, ${opening(look)} opening)`,
    `server ${String(serverCount).padStart(2)}`,
    `waiting ${String(census.waiting).padStart(3)}`,
    `${requestsPerSecond.toFixed(0).padStart(5)} requests/s`,
    `${ordersPerSecond.toFixed(0).padStart(4)} orders/s`,
  ].join("  ");
}

function liveLines(frame: Frame, waiting: readonly number[], rates: readonly number[]): string[] {
  const { title, atMs, look, requestsPerSecond, ordersPerSecond } = frame;
  const { census, serverCount } = look;
  const { connectionLimit } = census;
  const free = Math.max(0, connectionLimit - census.size);
  const cells = [
    styleText("green", "██".repeat(census.leased)),
    styleText("yellow", "▓▓".repeat(opening(look))),
    styleText("cyan", "░░".repeat(census.idle)),
    styleText("red", "▒▒".repeat(census.closing)),
    styleText("gray", "··".repeat(free)),
  ].join("");
  const states = `${styleText("green", `${census.leased} leased`)}  ` +
    `${styleText("yellow", `${opening(look)} opening or being prepared`)}  ` +
    `${styleText("cyan", `${census.idle} idle`)}  ` +
    `${styleText("red", `${census.closing} closing`)}`;
  const server = "██".repeat(serverCount).padEnd(2 * connectionLimit, "·");
  return [
    "",
    `  ${styleText("bold", title.padEnd(50))} ${(atMs / 1000).toFixed(1)} s`,
    `  actual   ${cells}  ${census.size} of ${connectionLimit}`,
    `           ${states}`,
    `  server   ${server}  ${serverCount} (Threads_connected)`,
    `  waiting  ${sparkline(waiting)} ${census.waiting}`,
    `  requests ${sparkline(rates)} ${requestsPerSecond.toFixed(0)}/s, ` +
    `${ordersPerSecond.toFixed(0)} orders/s`,
  ];
}

function opening({ census }: Look): number {
  return census.connecting + census.checking + census.resetting + census.retargeting;
}

function push(values: number[], value: number): void {
  values.push(value);
  if (values.length > width) values.shift();
}

function sparkline(values: readonly number[]): string {
  const highest = Math.max(1, ...values);
  const line = values.map((value) => {
    return value <= 0 ? " " : bars[Math.ceil(value / highest * bars.length) - 1];
  });
  return line.join("").padStart(width);
}
