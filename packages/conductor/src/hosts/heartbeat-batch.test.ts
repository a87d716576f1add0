import { reportHeartbeat } from "@drover/contracts";
import { expect, it, vi } from "vitest";
import { startPlane } from "../suite/scripted-plane.ts";

it("the heartbeats of hundreds of hosts are taken in side by side, and written together", async () => {
  const plane = await startPlane({ alpha: {}, beta: {} });
  const written = vi.spyOn(plane.store.hosts, "heartbeat");
  const hosts = ["alpha", ...Array.from({ length: 300 }, (_, index) => `unknown-${index}`)];
  const answers = await Promise.all(hosts.map((host) => plane.bus.call(reportHeartbeat, { host, recordsSeenAtMs: 0 })));
  expect(answers.filter(({ known }) => known)).toHaveLength(1);
  expect(written.mock.calls.flatMap(([together]) => together)).toHaveLength(hosts.length);
  expect(written.mock.calls.length).toBeLessThanOrEqual(2);
  await plane.close();
});
