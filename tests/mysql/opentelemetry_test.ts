/**
 * On a real server: OpenTelemetry sees each statement, even one that was prepared before. It
 * patches the driver at its import, so this file imports later what loads the driver.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { MySQL2Instrumentation } from "@opentelemetry/instrumentation-mysql2";
import {
  InMemorySpanExporter,
  SimpleSpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";

const exporter = new InMemorySpanExporter();
const instrumentation = new MySQL2Instrumentation();
instrumentation.setTracerProvider(
  new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }),
);
const { startServer } = await import("../support/server.ts");
const { createPool } = await import("../../mod.ts");

test("each execution of a statement is a span", async () => {
  await using server = await startServer();
  await using db = createPool({ uri: server.url(), connectionLimit: 1 });
  const texts = (): unknown[] => {
    const spans = exporter.getFinishedSpans();
    return spans.map(({ attributes }) => attributes["db.query.text"])
      .filter((text) => String(text).startsWith("SELECT 'traced'"));
  };
  for (let i = 0; i < 3; i++) await db.execute("SELECT 'traced'");
  await db.query("SELECT 'traced', 2");
  assert.deepEqual(texts(), [...Array(3).fill("SELECT 'traced'"), "SELECT 'traced', 2"]);
});
