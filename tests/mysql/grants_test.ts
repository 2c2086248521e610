/** Which views and triggers a user may see, by the lines of SHOW GRANTS. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Grants } from "../../src/mysql/grants.ts";

/** Returns whether a user with some grants sees all triggers and all views of a database. */
function shown(database: string, ...lines: readonly string[]): string {
  return shownBy(new Grants(lines, false), database);
}

function shownBy(grants: Grants, database: string): string {
  const words = [
    grants.showTriggers(database) ? "triggers" : "",
    grants.showViews(database) ? "views" : "",
  ];
  return words.join(" ").trim();
}

const usage = "GRANT USAGE ON *.* TO `u`@`%`";
const to = "TO `u`@`%`";

test("a user with TRIGGER on the whole database, or on all, sees the triggers", () => {
  for (
    const line of [
      `GRANT ALL PRIVILEGES ON \`app\`.* ${to} WITH GRANT OPTION`,
      `GRANT SELECT, TRIGGER ON \`app\`.* ${to}`,
      `GRANT SELECT, INSERT, CREATE TABLESPACE, EVENT, TRIGGER ON *.* ${to} REQUIRE SSL`,
      "GRANT TRIGGER ON `app`.* TO `rr`",
      `GRANT TRIGGER ON "app".* ${to}`,
      `GRANT TRIGGER ON app.* TO u@localhost`,
      `GRANT TRIGGER ON \`a%\`.* ${to}`,
    ]
  ) assert.equal(shown("app", usage, line), "triggers views", line);
});

test("a user without TRIGGER on the whole database may miss triggers", () => {
  for (
    const [sees, ...lines] of [
      [""],
      ["views", `GRANT SELECT, INSERT, UPDATE, DELETE ON \`app\`.* ${to}`],
      ["views", `GRANT SHOW VIEW ON *.* ${to}`],
      ["", `GRANT EXECUTE, LOCK TABLES ON \`app\`.* ${to}`],
      ["", `GRANT TRIGGER ON \`app\`.\`t\` ${to}`],
      ["", `GRANT SELECT (\`TRIGGER\`), INSERT (\`a\`) ON \`app\`.\`t\` ${to}`],
      ["", "GRANT `TRIGGER`@`%` TO `u`@`%`"],
      ["", `GRANT TRIGGER ON \`other\`.* ${to}`],
      ["", `GRANT TRIGGER ON \`ap\`.* ${to}`],
      ["", `GRANT TRIGGER ON \`a.p\`.* ${to}`],
      ["", "GRANT PROXY ON ``@`%` TO `u`@`%`"],
      // A server can be configured to take "_" literally.
      ["", `GRANT TRIGGER ON \`ap_\`.* ${to}`],
      // Only one of these grants counts, by the server's own rules.
      ["views", `GRANT SELECT ON \`app\`.* ${to}`, `GRANT TRIGGER ON \`a%\`.* ${to}`],
      ["", `GRANT ALL PRIVILEGES ON *.* ${to}`, "REVOKE SELECT, TRIGGER ON `app`.* FROM `u`@`%`"],
    ] as const
  ) assert.equal(shown("app", usage, ...lines), sees, String(lines));
});

test("a role adds to its user's privileges, unless another grant may count there", () => {
  const lines = [`GRANT SELECT ON \`app\`.* ${to}`, "GRANT ALL PRIVILEGES ON `app`.* TO `rr`"];
  assert.equal(shown("app", ...lines), "triggers views");
  const nested = ["GRANT SELECT ON `ap%`.* TO `r`", "GRANT EXECUTE ON `app`.* TO `rr`"];
  assert.equal(shown("app", ...nested), "");
});

test("a revoked privilege can be granted on one database again", () => {
  const lines = [
    `GRANT TRIGGER ON *.* ${to}`,
    "REVOKE TRIGGER ON `app`.* FROM `u`@`%`",
    "REVOKE TRIGGER ON `other`.* FROM `u`@`%`",
    `GRANT TRIGGER ON \`app\`.* ${to}`,
  ];
  for (
    const [database, sees] of [["app", "triggers views"], ["other", ""], ["b", "triggers views"]]
  ) {
    assert.equal(shown(String(database), ...lines), sees, database);
  }
});

test("patterns of database names are unescaped as the server wrote them", () => {
  for (
    const [database, pattern] of [
      ["my_db", "my_db"],
      ["my_db", "my\\_db"],
      ["50%", "50\\%"],
      ["a`b", "a``b"],
      ["a.b*[", "a.b*["],
      ["ab", "a\\b"],
      ["\u{1f600}.", "\u{1f600}."],
    ] as const
  ) {
    assert.equal(shown(database, `GRANT TRIGGER ON \`${pattern}\`.* ${to}`), "triggers views");
  }
  assert.equal(shown("myxdb", "GRANT TRIGGER ON `my\\_db`.* TO `u`"), "");
});

test("if patterns are names, a grant counts by exact name, a revoke by pattern too", () => {
  const grants = new Grants([
    `GRANT TRIGGER ON *.* ${to}`,
    "REVOKE TRIGGER ON `x\\_`.* FROM `u`@`%`",
    "REVOKE TRIGGER ON `b%`.* FROM `u`@`%`",
    `GRANT TRIGGER ON \`b%\`.* ${to}`,
  ], true);
  const databases = ["x_", "x\\_", "b%", "bc", "other"];
  const shown = databases.filter((database) => grants.showTriggers(database));
  assert.deepEqual(shown, ["b%", "other"]);
});

test("Grants notes privileges on columns alone", () => {
  const lines = [usage, `GRANT SELECT ON \`app\`.* ${to}`];
  assert.equal(new Grants(lines, false).hasColumns, false);
  const column = `GRANT SELECT, INSERT (\`v\`) ON \`app\`.\`t\` ${to}`;
  assert.equal(new Grants([...lines, column], false).hasColumns, true);
});

test("the server's own databases hide nothing", () => {
  assert.equal(shown("INFORMATION_SCHEMA", usage), "triggers views");
  assert.equal(shown("performance_schema", usage), "triggers views");
  assert.equal(shown("mysql", usage), "");
});
