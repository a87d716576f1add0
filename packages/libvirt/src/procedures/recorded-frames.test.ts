import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeDomainEvent } from "../domain-events.ts";
import { decodeJobStats } from "../job-stats.ts";
import { fromRemoteError, LibvirtError } from "../libvirt-error.ts";
import * as recorded from "../testing/recorded-frames.ts";
import { FrameSplitter } from "../wire/frame-splitter.ts";
import { decodeBody, encodeFrame, type Frame } from "../wire/message.ts";
import type { Codec } from "../xdr/codec.ts";
import { procedures } from "./procedure-table.ts";
import { remoteError } from "./shared-structures.ts";

const busy = { name: "busy", uuid: "cecb520b-8b90-4cb8-a502-c9ff48cb23e8", id: 1 };

function only(bytes: Buffer): Frame {
  const splitter = new FrameSplitter();
  splitter.push(bytes);
  const frame = splitter.next();
  splitter.end();
  if (frame === undefined) throw new Error("the recording is not a whole frame");
  return frame;
}

const vectors: readonly [string, Buffer, Codec<unknown>, unknown][] = [
  ["the reply to authList", recorded.authListReply, procedures.authList.ret, { types: [0] }],
  ["a call of domainLookupByName", recorded.lookupCall, procedures.domainLookupByName.args, { name: "busy" }],
  ["its reply", recorded.lookupReply, procedures.domainLookupByName.ret, { dom: busy }],
  [
    "a call of domainSetMetadata",
    recorded.setMetadataCall,
    procedures.domainSetMetadata.args,
    { dom: busy, type: 2, metadata: "<a>hi</a>", key: "x", uri: "urn:x", flags: 0 },
  ],
  [
    "a call of domainMigrateSetMaxSpeed",
    recorded.setSpeedCall,
    procedures.domainMigrateSetMaxSpeed.args,
    { dom: busy, bandwidth: 40n, flags: 0 },
  ],
  [
    "the reply to domainGetInfo, whose small integers take a word each",
    recorded.getInfoReply,
    procedures.domainGetInfo.ret,
    { state: 1, maxMem: 262_144n, memory: 262_144n, nrVirtCpu: 1, cpuTime: 3_010_000_000n },
  ],
  [
    "a registration for events",
    recorded.registerCall,
    procedures.connectDomainEventCallbackRegisterAny.args,
    { eventID: 21, dom: null },
  ],
  ["its reply", recorded.registerReply, procedures.connectDomainEventCallbackRegisterAny.ret, { callbackID: 1 }],
];

test.each(vectors)("%s decodes and encodes to the same bytes", (_what, bytes, codec, value) => {
  const frame = only(bytes);
  expect(decodeBody(frame, codec, "the vector")).toEqual(value);
  expect(encodeFrame(frame.header, codec, value)).toEqual(bytes);
});

test("any one byte of them changed is either read or refused with `protocol`", () => {
  fc.assert(
    fc.property(fc.constantFrom(...vectors), fc.nat(), fc.nat({ max: 255 }), ([, bytes, codec], at, value) => {
      const broken = Buffer.from(bytes);
      broken[at % broken.length] = value;
      const splitter = new FrameSplitter();
      splitter.push(broken);
      try {
        const frame = splitter.next();
        if (frame !== undefined) decodeBody(frame, codec, "the vector");
        splitter.end();
      } catch (error) {
        expect(error).toMatchObject({ code: "protocol", details: { position: expect.any(Number) } });
      }
    }),
    { numRuns: 500 },
  );
});

test("C strings in arrays of characters lose their terminator", () => {
  expect(decodeBody(only(recorded.securityModelReply), procedures.nodeGetSecurityModel.ret, "")).toEqual({
    model: "none",
    doi: "0",
  });
});

test("a remote error keeps its code, domain, level and text", () => {
  const error = fromRemoteError(decodeBody(only(recorded.lookupError), remoteError, ""), "domainLookupByName");
  expect(error).toBeInstanceOf(LibvirtError);
  expect(error).toMatchObject({
    code: "libvirt",
    libvirtCode: 42,
    libvirtCodeName: "VIR_ERR_NO_DOMAIN",
    libvirtDomain: 10,
    level: 2,
    text: "Domain not found: no domain with matching name 'nobody'",
    procedure: "domainLookupByName",
  });
});

test("job stats of a running migration have their units", () => {
  const { type, params } = decodeBody(only(recorded.jobStatsReply), procedures.domainGetJobStats.ret, "");
  expect(decodeJobStats(type, params)).toMatchObject({
    type: "unbounded",
    operation: "migration-out",
    elapsedMs: 4214,
    downtimeMs: 1696,
    setupMs: 2,
    memoryTotalBytes: 268_967_936,
    memoryProcessedBytes: 167_899_065,
    memoryRemainingBytes: 32_792_576,
    memoryBytesPerSecond: 41_984_100,
    memoryDirtyPagesPerSecond: 4852,
    memoryIteration: 2,
    memoryPageSizeBytes: 4096,
    memoryPostcopyRequests: 0,
    diskTotalBytes: 0,
    autoConvergeThrottlePercent: undefined,
  });
});

test("events carry the id of their registration", () => {
  expect(decodeDomainEvent(only(recorded.lifecycleEvent))).toEqual({
    callbackID: 0,
    event: { type: "lifecycle", dom: busy, event: 3, detail: 1 },
  });
  expect(decodeDomainEvent(only(recorded.iterationEvent))).toEqual({
    callbackID: 2,
    event: { type: "migration-iteration", dom: busy, iteration: 1 },
  });
});
