/**
 * On a real server: OpenTelemetry sees each statement, one that is prepared before too. It changes
 * the driver when that is loaded, so what loads the driver is imported later.
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

test("each statement is a span, however often it is executed", async () => {
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
