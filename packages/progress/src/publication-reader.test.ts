import { expect, it } from "vitest";
import { snapshotOf } from "./contract/samples.ts";
import { PublicationReader } from "./publication-reader.ts";
import { publicationText } from "./publication-text.ts";

const published = (sequence: number) =>
  publicationText([{ text: JSON.stringify(snapshotOf("one", sequence)), ageMs: 7 }]);

it("reads a publication once, and the next one anew", () => {
  const reader = new PublicationReader();
  const first = reader.read("east", published(1));
  expect(first).toEqual(new Map([["one", { snapshot: snapshotOf("one", 1), ageMs: 7 }]]));
  expect(reader.read("east", published(1))).toBe(first);
  expect(reader.read("west", published(1))).not.toBe(first);
  expect(reader.read("east", published(2)).get("one")?.snapshot).toEqual(snapshotOf("one", 2));
  expect(reader.read("east", null)).toEqual(new Map());
});

it("remembers a thousand hosts, those that were read last", () => {
  const reader = new PublicationReader();
  const [first, second] = ["host-0", "host-1"].map((host) => reader.read(host, published(1)));
  for (let host = 2; host < 1_000; host += 1) reader.read(`host-${host}`, published(1));
  expect(reader.read("host-0", published(1))).toBe(first);
  reader.read("host-1000", published(1));
  expect(reader.read("host-0", published(1))).toBe(first);
  expect(reader.read("host-1", published(1))).not.toBe(second);
});
