import { describe, expect, it } from "vitest";
import { requireLoopback, whyNotLocal } from "./loopback.ts";
import { isLoopback, networkList } from "./network-list.ts";

describe("loopback", () => {
  it.each(["localhost", "127.0.0.1", "127.8.0.1", "::1", "[::1]"])("takes %s", (host) => {
    expect(requireLoopback(host, "api.host")).toBe(host);
  });

  it.each(["0.0.0.0", "::", "10.0.0.1", "example.org", "127.0.0.1.example.org", ""])("refuses %s", (host) => {
    expect(isLoopback(host)).toBe(false);
    expect(() => requireLoopback(host, "api.host")).toThrow(/api\.host.*loopback only/);
  });
});

it("finds addresses in networks, however they are written", () => {
  const list = networkList("192.0.2.0/24", "fd00:ec2::254/128");
  for (const address of ["192.0.2.7", "::ffff:192.0.2.7", "fd00:ec2::254"]) expect(list.has(address)).toBe(true);
  for (const address of ["192.0.3.7", "fd00:ec2::255", "::1"]) expect(list.has(address)).toBe(false);
});

describe("whyNotLocal", () => {
  it("takes our own name and port, from no origin or our own", () => {
    expect(whyNotLocal({ host: "localhost:8774" }, 8774)).toBeUndefined();
    expect(whyNotLocal({ host: "[::1]:8774", origin: "http://[::1]:8774" }, 8774)).toBeUndefined();
  });

  it.each([
    [{}, /Host/],
    [{ host: "rebound.example.org:8774" }, /Host/],
    [{ host: "localhost" }, /port 8774/],
    [{ host: "localhost:8774/x" }, /Host/],
    [{ host: "localhost:8774", origin: "http://evil.example.org" }, /origins/],
    [{ host: "localhost:8774", origin: "http://localhost:3000" }, /origins/],
    [{ host: "localhost:8774", origin: "null" }, /origins/],
  ])("refuses %j", (headers, why) => {
    expect(whyNotLocal(headers, 8774)).toMatch(why);
  });
});
