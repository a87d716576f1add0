import { failedChecks } from "@drover/model";
import { describe, expect, test } from "vitest";
import { type ReachFacts, reachChecks } from "./reach-checks.ts";

const reached: ReachFacts = {
  host: "h1",
  destinationHost: "h2",
  dialled: { kind: "answers", where: "h2:16509", ms: 1, certificateUntil: null },
  inboundAddress: "10.1.0.2",
  ports: { min: 49_152, max: 49_215 },
  knocked: { kind: "closed", ms: 1 },
};

describe("reachChecks", () => {
  test.each<[string, Partial<ReachFacts>, readonly string[]]>([
    ["a destination that answers everywhere", {}, []],
    ["a port that is in use", { knocked: { kind: "open", ms: 1 } }, []],
    ["a port that is filtered", { knocked: { kind: "silent", ms: 3000 } }, ["migration-port-reachable"]],
    [
      "no route to it",
      { knocked: { kind: "unreachable", problem: "there is no route to it (EHOSTUNREACH)" } },
      ["migration-port-reachable"],
    ],
    ["ports that nobody told", { ports: undefined, knocked: null }, []],
    ["a transport of libvirt's own", { dialled: { kind: "untried", why: "ssh" } }, []],
    [
      "a libvirtd that does not answer",
      { dialled: { kind: "fails", where: "h2:16509", problem: "nothing came back within 3 s" } },
      ["libvirtd-reachable"],
    ],
  ])("%s", (_, change, failed) => {
    const checks = reachChecks({ ...reached, ...change });
    expect(failedChecks(checks).map(({ check }) => check)).toEqual(failed);
    expect(checks).toHaveLength(2);
  });

  test("a filtered port is told with what to let through", () => {
    const [, port] = reachChecks({ ...reached, knocked: { kind: "silent", ms: 3000 } });
    expect(port?.message).toBe(
      "nothing came back to h1 from 10.1.0.2:49152 within 3000 ms: let it through to 10.1.0.2 on TCP 49152 to 49215, the " +
        "migration ports of h2",
    );
  });

  test("over TLS the state of the certificates is told", () => {
    const certificateUntil = "Nov 27 00:00:00 2027 GMT";
    const [libvirtd] = reachChecks({
      ...reached,
      dialled: { kind: "answers", where: "h2:16514", ms: 4, certificateUntil },
    });
    expect(libvirtd?.message).toBe(
      "h1 reaches the libvirtd of h2 at h2:16514 in 4 ms over TLS; each accepts the other's certificate, that of h2 until " +
        certificateUntil,
    );
  });
});
