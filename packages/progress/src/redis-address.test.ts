import { expect, it } from "vitest";
import { parseRedisAddress } from "./redis-address.ts";

it("reads a server, a cluster, TLS and what is left out, and shows no password", () => {
  expect(parseRedisAddress({ url: "redis://localhost" })).toEqual({
    ...{ nodes: [{ host: "localhost", port: 6379 }], db: 0, cluster: false, login: {}, label: "localhost:6379" },
  });
  const ca = Buffer.from("pem");
  const url = "rediss://agent:p%40ss@[::1]:7000/0, rediss://agent:p%40ss@b.example:7001";
  expect(parseRedisAddress({ url, cluster: true, ca })).toEqual({
    nodes: [
      { host: "::1", port: 7000 },
      { host: "b.example", port: 7001 },
    ],
    ...{ db: 0, cluster: true, login: { username: "agent", password: "p@ss" }, tls: { ca } },
    label: "[::1]:7000,b.example:7001/0",
  });
});

it.each([
  ["http://:secret@host", false, "must look like redis://"],
  ["redis://:secret@a,redis://:secret@b", false, "progress.cluster = true"],
  ["redis://:secret@a,redis://:other@b", true, "one password"],
  ["redis://:secret@a,rediss://:secret@b", true, "TLS all or none"],
  ["redis://:secret@a/2", true, "database 0 alone"],
  ["redis://:secret@a/cache", false, "number of a database"],
])("refuses %s (cluster: %s), naming the key and not the password", (url, cluster, remedy) => {
  const parse = () => parseRedisAddress({ url, cluster });
  expect(parse).toThrow(remedy);
  expect(parse).toThrow(/^progress\.url: (?!.*secret)/);
});
