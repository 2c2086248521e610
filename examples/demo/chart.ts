/** Shows live what the pool does: a small chart on a terminal, else one plain line per second. */

import process from "node:process";
import { styleText } from "node:util";
import type { Ledger } from "./ledger.ts";
import type { Look, Watch } from "./watch.ts";

const width = 60;
const frameMs = 200;
const bars = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/** The content of one frame. */
interface Frame {
  readonly title: string;
  readonly atMs: number;
  readonly look: Look;
  readonly requestsPerSecond: number;
  readonly ordersPerSecond: number;
}

/** A chart that redraws itself until it is disposed of. */
export class Chart implements Disposable {
  /** The current part of the day. */
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

  /** Draws a last time, and leaves the chart on the screen. */
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
    push(this.#waiting, frame.look.stats.waiting);
    push(this.#rates, frame.requestsPerSecond);
    const lines = liveLines(frame, this.#waiting, this.#rates);
    const back = this.#linesDrawn === 0 ? "" : `\x1b[${this.#linesDrawn}A`;
    this.#linesDrawn = lines.length;
    process.stdout.write(back + lines.map((line) => `\x1b[2K${line}\n`).join(""));
  }
}

function plainLine({ title, atMs, look, requestsPerSecond, ordersPerSecond }: Frame): string {
  const { stats, serverCount } = look;
  return [
    `${(atMs / 1000).toFixed(1).padStart(6)} s  ${title.padEnd(28)}`,
    `actual ${String(stats.size).padStart(2)} of ${stats.connectionLimit}`,
    `(${stats.leased} leased, ${stats.idle} idle, ${opening(look)} opening)`,
    `server ${String(serverCount).padStart(2)}`,
    `waiting ${String(stats.waiting).padStart(3)}`,
    `${requestsPerSecond.toFixed(0).padStart(5)} requests/s`,
    `${ordersPerSecond.toFixed(0).padStart(4)} orders/s`,
  ].join("  ");
}

function liveLines(frame: Frame, waiting: readonly number[], rates: readonly number[]): string[] {
  const { title, atMs, look, requestsPerSecond, ordersPerSecond } = frame;
  const { stats, serverCount } = look;
  const { connectionLimit } = stats;
  const free = Math.max(0, connectionLimit - stats.size);
  const cells = [
    styleText("green", "██".repeat(stats.leased)),
    styleText("yellow", "▓▓".repeat(opening(look))),
    styleText("cyan", "░░".repeat(stats.idle)),
    styleText("red", "▒▒".repeat(stats.closing)),
    styleText("gray", "··".repeat(free)),
  ].join("");
  const states = `${styleText("green", `${stats.leased} leased`)}  ` +
    `${styleText("yellow", `${opening(look)} opening or being prepared`)}  ` +
    `${styleText("cyan", `${stats.idle} idle`)}  ` +
    `${styleText("red", `${stats.closing} closing`)}`;
  const server = "██".repeat(serverCount).padEnd(2 * connectionLimit, "·");
  return [
    "",
    `  ${styleText("bold", title.padEnd(50))} ${(atMs / 1000).toFixed(1)} s`,
    `  actual   ${cells}  ${stats.size} of ${connectionLimit}`,
    `           ${states}`,
    `  server   ${server}  ${serverCount} (Threads_connected)`,
    `  waiting  ${sparkline(waiting)} ${stats.waiting}`,
    `  requests ${sparkline(rates)} ${requestsPerSecond.toFixed(0)}/s, ` +
    `${ordersPerSecond.toFixed(0)} orders/s`,
  ];
}

function opening({ stats }: Look): number {
  return stats.connecting + stats.checking + stats.resetting + stats.retargeting;
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
