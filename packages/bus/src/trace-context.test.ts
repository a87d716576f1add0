import { ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { expect, it } from "vitest";
import { contextOfTrace, currentTraceparent, traceparentOf } from "./trace-context.ts";

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

it("a traceparent names the span that others are children of, and is written again as it came", () => {
  expect(traceparentOf(trace.getSpan(contextOfTrace(traceparent)))).toBe(traceparent);
  const notSampled = traceparent.replace(/01$/, "00");
  expect(traceparentOf(trace.getSpan(contextOfTrace(notSampled)))).toBe(notSampled);
});

it.each([
  undefined,
  null,
  "",
  "00-1-2-01",
  traceparent.toUpperCase(),
  `ff${traceparent.slice(2)}`,
  `00-${"0".repeat(32)}-b7ad6b7169203331-01`,
  `00-0af7651916cd43dd8448eb211c80319c-${"0".repeat(16)}-01`,
  `${traceparent}-more`,
])("%j is nobody's child", (text) => {
  expect(contextOfTrace(text)).toBe(ROOT_CONTEXT);
});

it("where nobody traces, there is no trace to go on with", () => {
  expect(currentTraceparent()).toBeUndefined();
  expect(traceparentOf(undefined)).toBeUndefined();
});
