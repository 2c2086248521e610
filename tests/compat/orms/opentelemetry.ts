/**
 * @opentelemetry/instrumentation-mysql2 on the pool. It patches the driver as the driver loads, so
 * this program imports the modules that load the driver afterwards.
 */

import assert from "node:assert/strict";
import { context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { MySQL2Instrumentation } from "@opentelemetry/instrumentation-mysql2";
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { assertLost, failsWith } from "./support/failing.ts";
import type { Place } from "./support/place.ts";

const exporter = new InMemorySpanExporter();
const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
trace.setGlobalTracerProvider(provider);
const instrumentation = new MySQL2Instrumentation();
instrumentation.setConfig({ addSqlCommenterCommentToQueries: true });
instrumentation.setTracerProvider(provider);
const { work } = await import("./support/place.ts");
const tracer = trace.getTracer("requests");

/** Runs code in a request span; returns the other spans of its trace. */
async function traced(fn: () => Promise<void>): Promise<ReadableSpan[]> {
  return await tracer.startActiveSpan("request", async (request) => {
    await fn();
    request.end();
    const { traceId, spanId } = request.spanContext();
    const own = exporter.getFinishedSpans().filter((span) => {
      return span.spanContext().traceId === traceId && span.spanContext().spanId !== spanId;
    });
    for (const span of own) {
      assert.equal(span.kind, SpanKind.CLIENT);
      assert.equal(span.parentSpanContext?.spanId, spanId, textOf(span));
    }
    return own;
  });
}

function textOf({ attributes }: ReadableSpan): string {
  return String(attributes["db.query.text"]);
}

/** Every statement of a request is one span of it, by every way to send it; no span is extra. */
async function traces(place: Place): Promise<void> {
  const { pool, promises } = place;
  const request = (id: number): Promise<ReadableSpan[]> =>
    traced(async () => {
      await promises.query(`SELECT 'query' AS way_${id}`);
      await promises.execute(`SELECT 'execute' AS way_${id}`);
      for await (const _row of pool.query(`SELECT 'stream' AS way_${id}`).stream());
      await new Promise((resolve) => pool.query(`SELECT 'callback' AS way_${id}`, resolve));
      const lent = await promises.getConnection();
      await lent.beginTransaction();
      await lent.query(`SELECT 'lent' AS way_${id}`);
      await lent.commit();
      lent.release();
      await failsWith(promises.query(`SELECT failing_${id}`), "ER_BAD_FIELD_ERROR");
    });
  const all = await place.crowd(Array.from({ length: 20 }, (_, i) => () => request(i)));
  for (const [id, spans] of all.entries()) {
    assert.deepEqual(spans.map(textOf), [
      `SELECT 'query' AS way_${id}`,
      `SELECT 'execute' AS way_${id}`,
      `SELECT 'stream' AS way_${id}`,
      `SELECT 'callback' AS way_${id}`,
      "START TRANSACTION",
      `SELECT 'lent' AS way_${id}`,
      "COMMIT",
      `SELECT failing_${id}`,
    ]);
    const failed = spans.filter(({ status }) => status.code === SpanStatusCode.ERROR);
    assert.deepEqual(failed.map(textOf), [`SELECT failing_${id}`]);
  }
}

/** The statement that the server receives carries the trace in a comment. */
async function comments({ promises }: Place): Promise<void> {
  const sql = "SELECT INFO FROM information_schema.PROCESSLIST WHERE ID = CONNECTION_ID()";
  const [span] = await traced(async () => {
    assert.match(JSON.stringify(await promises.query(sql)), /traceparent=/);
  });
  assert.equal(span && textOf(span), sql);
}

/** The span of a statement whose connection ends is an error. */
async function loses(place: Place): Promise<void> {
  const sql = "SELECT SLEEP(60)";
  const spans = await traced(async () => {
    assertLost(await place.killedAsleep(() => place.promises.query(sql)));
  });
  const own = spans.filter((span) => textOf(span) === sql);
  assert.deepEqual(own.map(({ status }) => status.code), [SpanStatusCode.ERROR]);
}

await work(async (place) => {
  await traces(place);
  await comments(place);
  await loses(place);
});
