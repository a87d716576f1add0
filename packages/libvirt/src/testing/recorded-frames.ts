/**
 * Frames as they went between this client and libvirtd 9.0.0 (QEMU 7.2) while a guest moved, one field a line. The guest
 * is named "busy". For tests only.
 */
function frame(...fields: readonly string[]): Buffer {
  return Buffer.from(fields.join(""), "hex");
}

export const authListReply = frame(
  "00000024", // length: 36
  "20008086", // program: REMOTE_PROGRAM
  "00000001", // version
  "00000042", // procedure: 66
  "00000001", // type: reply
  "00000001", // serial: 1
  "00000000", // status: ok
  "00000001", // 1 type
  "00000000", // REMOTE_AUTH_NONE
);

export const lookupCall = frame(
  "00000024", // length: 36
  "20008086", // program: REMOTE_PROGRAM
  "00000001", // version
  "00000017", // procedure: 23
  "00000000", // type: call
  "0000000c", // serial: 12
  "00000000", // status: ok
  "0000000462757379", // name: "busy"
);

export const lookupReply = frame(
  "00000038", // length: 56
  "20008086", // program: REMOTE_PROGRAM
  "00000001", // version
  "00000017", // procedure: 23
  "00000001", // type: reply
  "0000000c", // serial: 12
  "00000000", // status: ok
  "0000000462757379", // dom.name: "busy"
  "cecb520b8b904cb8a502c9ff48cb23e8", // dom.uuid
  "00000001", // dom.id
);

export const lookupError = frame(
  "000000c8", // length: 200
  "20008086", // program: REMOTE_PROGRAM
  "00000001", // version
  "00000017", // procedure: 23
  "00000001", // type: reply
  "00000014", // serial: 20
  "00000001", // status: error
  "0000002a", // code: VIR_ERR_NO_DOMAIN
  "0000000a", // domain: VIR_FROM_QEMU
  "00000001", // message follows
  "00000037446f6d61696e206e6f7420666f756e643a206e6f20646f6d61696e2077697468206d61746368696e67206e616d6520276e6f626f64792700", // message: "Domain not found: no domain with matching name 'nobody'"
  "00000002", // level: VIR_ERR_ERROR
  "00000000", // dom: NULL
  "00000001", // str1 follows
  "00000014446f6d61696e206e6f7420666f756e643a202573", // str1: "Domain not found: %s"
  "00000001", // str2 follows
  "000000256e6f20646f6d61696e2077697468206d61746368696e67206e616d6520276e6f626f647927000000", // str2: "no domain with matching name 'nobody'"
  "00000000", // str3: NULL
  "ffffffff", // int1: -1
  "ffffffff", // int2: -1
  "00000000", // net: NULL
);

export const setMetadataCall = frame(
  "00000070", // length: 112
  "20008086", // program: REMOTE_PROGRAM
  "00000001", // version
  "00000108", // procedure: 264
  "00000000", // type: call
  "0000001b", // serial: 27
  "00000000", // status: ok
  "0000000462757379", // dom.name: "busy"
  "cecb520b8b904cb8a502c9ff48cb23e8", // dom.uuid
  "00000001", // dom.id
  "00000002", // type: VIR_DOMAIN_METADATA_ELEMENT
  "00000001", // metadata follows
  "000000093c613e68693c2f613e000000", // metadata: "<a>hi</a>"
  "00000001", // key follows
  "0000000178000000", // key: "x"
  "00000001", // uri follows
  "0000000575726e3a78000000", // uri: "urn:x"
  "00000000", // flags
);

export const setSpeedCall = frame(
  "00000044", // length: 68
  "20008086", // program: REMOTE_PROGRAM
  "00000001", // version
  "000000cf", // procedure: 207
  "00000000", // type: call
  "00000020", // serial: 32
  "00000000", // status: ok
  "0000000462757379", // dom.name: "busy"
  "cecb520b8b904cb8a502c9ff48cb23e8", // dom.uuid
  "00000001", // dom.id
  "0000000000000028", // bandwidth: 40 MiB/s
  "00000000", // flags
);

export const securityModelReply = frame(
  "00000040", // length: 64
  "20008086", // program: REMOTE_PROGRAM
  "00000001", // version
  "0000007a", // procedure: 122
  "00000001", // type: reply
  "00000019", // serial: 25
  "00000000", // status: ok
  "00000005", // model has 5 characters
  "0000006e", // 'n'
  "0000006f", // 'o'
  "0000006e", // 'n'
  "00000065", // 'e'
  "00000000", // NUL
  "00000002", // doi has 2 characters
  "00000030", // '0'
  "00000000", // NUL
);

export const getInfoReply = frame(
  "0000003c", // length: 60
  "20008086", // program: REMOTE_PROGRAM
  "00000001", // version
  "00000010", // procedure: 16
  "00000001", // type: reply
  "0000000e", // serial: 14
  "00000000", // status: ok
  "00000001", // state: VIR_DOMAIN_RUNNING
  "0000000000040000", // maxMem: 262144 KiB
  "0000000000040000", // memory: 262144 KiB
  "00000001", // nrVirtCpu: 1
  "00000000b368f480", // cpuTime, ns
);

export const jobStatsReply = frame(
  "000002ac", // length: 684
  "20008086", // program: REMOTE_PROGRAM
  "00000001", // version
  "0000012a", // procedure: 298
  "00000001", // type: reply
  "0000003e", // serial: 62
  "00000000", // status: ok
  "00000002", // type: VIR_DOMAIN_JOB_UNBOUNDED
  "00000015", // 21 parameters
  "000000096f7065726174696f6e0000000000000100000005", // operation, int 5
  "0000000c74696d655f656c6170736564000000040000000000001076", // time_elapsed, ullong 4214
  "00000008646f776e74696d650000000400000000000006a0", // downtime, ullong 1696
  "0000000a73657475705f74696d650000000000040000000000000002", // setup_time, ullong 2
  "0000000a646174615f746f74616c0000000000040000000010082000", // data_total, ullong 268967936
  "0000000e646174615f70726f636573736564000000000004000000000a01efb9", // data_processed, ullong 167899065
  "0000000e646174615f72656d61696e696e670000000000040000000001f46000", // data_remaining, ullong 32792576
  "0000000c6d656d6f72795f746f74616c000000040000000010082000", // memory_total, ullong 268967936
  "000000106d656d6f72795f70726f63657373656400000004000000000a01efb9", // memory_processed, ullong 167899065
  "000000106d656d6f72795f72656d61696e696e67000000040000000001f46000", // memory_remaining, ullong 32792576
  "0000000a6d656d6f72795f627073000000000004000000000280a064", // memory_bps, ullong 41984100
  "0000000f6d656d6f72795f636f6e7374616e7400000000040000000000007ca6", // memory_constant, ullong 31910
  "0000000d6d656d6f72795f6e6f726d616c000000000000040000000000009f89", // memory_normal, ullong 40841
  "000000136d656d6f72795f6e6f726d616c5f627974657300000000040000000009f89000", // memory_normal_bytes, ullong 167284736
  "000000116d656d6f72795f64697274795f726174650000000000000400000000000012f4", // memory_dirty_rate, ullong 4852
  "000000106d656d6f72795f697465726174696f6e000000040000000000000002", // memory_iteration, ullong 2
  "000000186d656d6f72795f706f7374636f70795f7265717565737473000000040000000000000000", // memory_postcopy_requests, ullong 0
  "000000106d656d6f72795f706167655f73697a65000000040000000000001000", // memory_page_size, ullong 4096
  "0000000a6469736b5f746f74616c0000000000040000000000000000", // disk_total, ullong 0
  "0000000e6469736b5f70726f6365737365640000000000040000000000000000", // disk_processed, ullong 0
  "0000000e6469736b5f72656d61696e696e670000000000040000000000000000", // disk_remaining, ullong 0
);

export const registerCall = frame(
  "00000024", // length: 36
  "20008086", // program: REMOTE_PROGRAM
  "00000001", // version
  "0000013c", // procedure: 316
  "00000000", // type: call
  "00000035", // serial: 53
  "00000000", // status: ok
  "00000015", // eventID: VIR_DOMAIN_EVENT_ID_JOB_COMPLETED
  "00000000", // dom: NULL, every domain
);

export const registerReply = frame(
  "00000020", // length: 32
  "20008086", // program: REMOTE_PROGRAM
  "00000001", // version
  "0000013c", // procedure: 316
  "00000001", // type: reply
  "00000035", // serial: 53
  "00000000", // status: ok
  "00000001", // callbackID: 1
);

export const lifecycleEvent = frame(
  "00000044", // length: 68
  "20008086", // program: REMOTE_PROGRAM
  "00000001", // version
  "0000013e", // procedure: 318
  "00000002", // type: message
  "00000001", // serial: 1
  "00000000", // status: ok
  "00000000", // callbackID: 0
  "0000000462757379", // dom.name: "busy"
  "cecb520b8b904cb8a502c9ff48cb23e8", // dom.uuid
  "00000001", // dom.id
  "00000003", // event: VIR_DOMAIN_EVENT_SUSPENDED
  "00000001", // detail: VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED
);

export const iterationEvent = frame(
  "00000040", // length: 64
  "20008086", // program: REMOTE_PROGRAM
  "00000001", // version
  "00000167", // procedure: 359
  "00000002", // type: message
  "00000001", // serial: 1
  "00000000", // status: ok
  "00000002", // callbackID: 2
  "0000000462757379", // dom.name: "busy"
  "cecb520b8b904cb8a502c9ff48cb23e8", // dom.uuid
  "00000001", // dom.id
  "00000001", // iteration: 1
);
