/** SVG as text: elements, and the common parts of all pictures. */

/** The colours of this pool, of peers, and of parts and lines in their order. */
export const OURS = "#c2410c";
export const OTHERS = "#94a3b8";
export const SERIES: readonly string[] = [
  "#c2410c",
  "#0369a1",
  "#15803d",
  "#a16207",
  "#7e22ce",
  "#be123c",
  "#475569",
  "#0f766e",
];
/** The colours of text and of grid lines. */
export const INK = "#1e293b";
export const FAINT = "#e2e8f0";

type Attributes = Readonly<Record<string, string | number>>;

/** Returns an element. */
export function element(name: string, attributes: Attributes, inner = ""): string {
  const list = Object.entries(attributes).map(([key, value]) => {
    const text = typeof value === "number" ? String(Number(value.toFixed(1))) : escaped(value);
    return ` ${key}="${text}"`;
  });
  return inner === ""
    ? `<${name}${list.join("")}/>`
    : `<${name}${list.join("")}>${inner}</${name}>`;
}

/** Returns a text; `anchor` names the part of the text at `x`. */
export function text(
  x: number,
  y: number,
  content: string,
  { anchor = "start", size = 12, weight = "normal", fill = INK }: {
    readonly anchor?: "start" | "middle" | "end";
    readonly size?: number;
    readonly weight?: string;
    readonly fill?: string;
  } = {},
): string {
  const attributes = {
    x,
    y,
    "text-anchor": anchor,
    "font-size": size,
    "font-weight": weight,
    fill,
  };
  return element("text", attributes, escaped(content));
}

/** Returns a straight line. */
export function stroke(
  [x1, y1]: readonly [number, number],
  [x2, y2]: readonly [number, number],
  colour: string = INK,
  width = 1,
): string {
  return element("line", { x1, y1, x2, y2, stroke: colour, "stroke-width": width });
}

/** Returns a whole picture, on white, so that it is readable on any background. */
export function picture(width: number, height: number, title: string, shapes: string[]): string {
  const attributes = {
    xmlns: "http://www.w3.org/2000/svg",
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    "font-family": "system-ui, sans-serif",
    role: "img",
  };
  const ground = element("rect", { width, height, fill: "#ffffff" });
  const heading = text(16, 26, title, { size: 15, weight: "600" });
  const inner = [element("title", {}, escaped(title)), ground, heading, ...shapes];
  return `${element("svg", attributes, `\n${inner.join("\n")}\n`)}\n`;
}

/** Returns round figures from 0 to beyond `most`, about `count` of them. */
export function ticks(most: number, count = 5): number[] {
  const raw = most / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((unit) => unit * power).find((unit) => unit >= raw)!;
  const last = Math.ceil(most / step);
  return Array.from({ length: last + 1 }, (_, index) => Number((index * step).toPrecision(6)));
}

function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
