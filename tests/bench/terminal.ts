/** Tables for a terminal. */

/** Returns the lines of a table; a column is as wide as its widest cell. */
export function tableOf(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string[] {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  return all.map((row, index) => {
    const previous = all[index - 1];
    const cells = row.map((cell, column) => {
      // The label of a group appears only in its first row.
      const isRepeated = column === 0 && index > 1 && previous?.[0] === cell;
      return (isRepeated ? "" : cell).padEnd(widths[column]!);
    });
    return `  ${cells.join("  ").trimEnd()}`;
  });
}
