import { expect, test } from "vitest";
import { ANYBODY, callSubject, castSubject, consumerName, encodeToken, fanoutSubject, senderOf } from "./subjects.ts";

test.each([
  ["conductor", "conductor"],
  ["host-a.example", "host-a=2Eexample"],
  ["_", "=5F"],
  ["a b*>=%", "a=20b=2A=3E=3D=25"],
  ["zürich", "z=C3=BCrich"],
])("the name %s is the token %s, and comes back", (name, token) => {
  expect(encodeToken(name)).toBe(token);
  expect(senderOf(`drover.call.compute._.${token}`)).toBe(name);
});

test.each(["=ZZ", "=61", "%2E"])("the token %s, which nobody encodes so, stands for nobody else", (token) => {
  expect(senderOf(`drover.call.compute._.${token}`)).toBe(token);
});

test("a subject names topic, server and sender", () => {
  const sender = encodeToken("drover-agent.host-a");
  expect(callSubject("compute", "host-a", sender)).toBe("drover.call.compute.host-a.drover-agent=2Ehost-a");
  expect(castSubject("compute", undefined, ANYBODY)).toBe("drover.cast.compute._.*");
  expect(fanoutSubject("compute-control", sender)).toBe("drover.fanout.compute-control.drover-agent=2Ehost-a");
});

test("a server named as the mark of any server is another target", () => {
  expect(callSubject("compute", "_", ANYBODY)).toBe("drover.call.compute.=5F.*");
});

test("no two targets share a consumer", () => {
  const names = [consumerName("a", undefined), consumerName("a_b", undefined), consumerName("a", "b")];
  expect(names).toEqual(["a", "a=5Fb", "a_b"]);
});
