/**
 * One end of one alternative, in a process of its own: `worker.ts ALTERNATIVE server|client URL`.
 *
 * Writes `{"ready":true}`; a client then answers each line `{"callers":50,"forMs":3000}` with a {@link Sample}. Ends
 * with its standard input. The Python workers speak the same.
 */
import { createInterface } from "node:readline";
import { type EchoSides, readPayload } from "./echo-side.ts";
import type { Load, Sample } from "./load.ts";

// Loaded on demand, so that a process's memory is that of its own alternative.
const alternatives: Readonly<Record<string, () => Promise<{ readonly sides: EchoSides }>>> = {
  "bare-amqp": () => import("./bare-amqp.ts"),
  "bare-nats": () => import("./bare-nats.ts"),
  drover: () => import("./drover.ts"),
};

const [alternative = "", role, url = ""] = process.argv.slice(2);
const load = alternatives[alternative];
if (load === undefined) throw new Error(`no alternative ${alternative}`);
const { sides } = await load();
if (role === "server") {
  await sides.serve(url);
  say({ ready: true });
  process.stdin.resume().once("end", () => process.exit());
} else {
  await serveLoads(await sides.connect(url));
}

async function serveLoads(call: (payload: ReturnType<typeof readPayload>) => Promise<unknown>): Promise<void> {
  const payload = readPayload();
  const expected = JSON.stringify(payload);
  const answered = JSON.stringify(await call(payload));
  if (answered !== expected) throw new Error(`sent ${expected}, got ${answered}`);
  say({ ready: true });
  for await (const line of createInterface({ input: process.stdin })) {
    say(await measure(() => call(payload), JSON.parse(line)));
  }
  process.exit();
}

async function measure(call: () => Promise<unknown>, { callers, forMs }: Load): Promise<Sample> {
  const latenciesMs: number[] = [];
  const startedMs = performance.now();
  const caller = async () => {
    for (let sentMs = performance.now(); sentMs < startedMs + forMs; ) {
      await call();
      const answeredMs = performance.now();
      latenciesMs.push(answeredMs - sentMs);
      sentMs = answeredMs;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  const tookMs = performance.now() - startedMs;
  const sorted = Float64Array.from(latenciesMs).sort();
  const rank = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
  return { calls: sorted.length, tookMs, p50Ms: rank(0.5), p99Ms: rank(0.99) };
}

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
