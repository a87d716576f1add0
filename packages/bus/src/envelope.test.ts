import { expect, test } from "vitest";
import {
  contextFromWire,
  contextToWire,
  decodeReply,
  decodeRequest,
  encodeReply,
  encodeRequest,
  MAX_BODY_BYTES,
} from "./envelope.ts";
import { errorOf } from "./failure.ts";

// Bodies as recorded between oslo.messaging 14.0.3 (Python 3.11) and RabbitMQ 3.10.8.
const CALL = String.raw`{"oslo.version": "2.0", "oslo.message": "{\"method\": \"add\", \"args\": {\"a\": 1, \"b\": 2}, \"version\": \"6.0\", \"_msg_id\": \"8cef34de934a42438ab9a30594e3a165\", \"_reply_q\": \"reply_3dd050870c3d4a9d9a1dd1c7a1716955\", \"_timeout\": null, \"_unique_id\": \"2363a6cf18854cf098a62df6fb9ecb77\", \"_context_user_id\": \"admin\", \"_context_project_id\": \"admin\", \"_context_is_admin\": true, \"_context_request_id\": \"req-1\"}"}`;
const REPLY = String.raw`{"oslo.version": "2.0", "oslo.message": "{\"result\": 3, \"failure\": null, \"ending\": true, \"_msg_id\": \"8cef34de934a42438ab9a30594e3a165\", \"_unique_id\": \"cdad897cad354852ae8f94766b4aa747\"}"}`;
const CAST = String.raw`{"oslo.version": "2.0", "oslo.message": "{\"method\": \"note\", \"args\": {\"msg\": \"cast to server\"}, \"version\": \"6.0\", \"_unique_id\": \"70463b105d214eaeba86a5a05777728a\", \"_context_user_id\": \"admin\", \"_context_project_id\": \"admin\", \"_context_is_admin\": true, \"_context_request_id\": \"req-1\"}"}`;
const FAILURE = String.raw`{"oslo.version": "2.0", "oslo.message": "{\"result\": null, \"failure\": \"{\\\"class\\\": \\\"ValueError\\\", \\\"module\\\": \\\"builtins\\\", \\\"message\\\": \\\"because\\\", \\\"tb\\\": [\\\"Traceback (most recent call last):\\\\n\\\", \\\"  File \\\\\\\".../rpc/server.py\\\\\\\", line 165, in _process_incoming\\\\n    res = self.dispatcher.dispatch(message)\\\\n\\\", \\\"ValueError: because\\\\n\\\"], \\\"args\\\": [\\\"because\\\"], \\\"kwargs\\\": {}}\", \"ending\": true, \"_msg_id\": \"1326c232962f421f9b24b25b838b8eb9\", \"_unique_id\": \"4018ce453f5a435eb4cbbb355be4fd7c\"}"}`;
const HEARTBEAT = String.raw`{"oslo.version": "2.0", "oslo.message": "{\"result\": null, \"failure\": null, \"ending\": false, \"_msg_id\": \"b668dab54ea14e8db1849d2c144fbe06\", \"_unique_id\": \"8ccf90a560174e97a23740f53ca59598\"}"}`;

/** Python writes a space after `,` and `:` at every level, JSON.stringify none; all else must be the same bytes. */
function withoutPythonSpaces(body: string): string {
  const compact = (json: string, nested: readonly string[]): string =>
    JSON.stringify(JSON.parse(json), (key, value) =>
      key === nested[0] && typeof value === "string" ? compact(value, nested.slice(1)) : value,
    );
  return compact(body, ["oslo.message", "failure"]);
}

const context = { user_id: "admin", project_id: "admin", is_admin: true, request_id: "req-1" };
const call = {
  method: "add",
  args: { a: 1, b: 2 },
  version: "6.0",
  uniqueId: "2363a6cf18854cf098a62df6fb9ecb77",
  reply: {
    messageId: "8cef34de934a42438ab9a30594e3a165",
    queue: "reply_3dd050870c3d4a9d9a1dd1c7a1716955",
    monitorTimeoutSeconds: null,
  },
  context,
};
const cast = {
  method: "note",
  args: { msg: "cast to server" },
  version: "6.0",
  uniqueId: "70463b105d214eaeba86a5a05777728a",
  context,
};

test("a recorded call and cast are read", () => {
  expect(decodeRequest(Buffer.from(CALL))).toEqual(call);
  expect(decodeRequest(Buffer.from(CAST))).toEqual(cast);
});

test("a call and a cast are written byte for byte as recorded, but for Python's spaces", () => {
  expect(encodeRequest(call).toString()).toBe(withoutPythonSpaces(CALL));
  expect(encodeRequest(cast).toString()).toBe(withoutPythonSpaces(CAST));
});

test("recorded replies are read and written back byte for byte", () => {
  for (const recorded of [REPLY, FAILURE, HEARTBEAT]) {
    expect(encodeReply(decodeReply(Buffer.from(recorded))).toString()).toBe(withoutPythonSpaces(recorded));
  }
  expect(decodeReply(Buffer.from(REPLY))).toMatchObject({ result: 3, failure: null, ending: true });
  expect(decodeReply(Buffer.from(HEARTBEAT))).toMatchObject({ result: null, ending: false });
});

test("a Python exception is an internal error that names its class", () => {
  const { failure } = decodeReply(Buffer.from(FAILURE));
  expect(failure).not.toBeNull();
  if (failure === null) return;
  expect(errorOf(failure)).toMatchObject({
    code: "internal",
    message: "ValueError: because",
    details: { class: "ValueError", module: "builtins" },
  });
});

test("a namespace stands between arguments and version, where oslo's client puts it", () => {
  const inner = JSON.parse(
    JSON.parse(encodeRequest({ ...cast, namespace: "compute_task" }).toString())["oslo.message"],
  );
  expect(Object.keys(inner).slice(0, 4)).toEqual(["method", "args", "namespace", "version"]);
  expect(decodeRequest(encodeRequest({ ...cast, namespace: "compute_task" })).namespace).toBe("compute_task");
});

test("the context travels under oslo's keys", () => {
  const ours = { requestId: "req-1", userId: "admin", projectId: "demo" };
  expect(contextToWire(ours)).toEqual({ request_id: "req-1", user_id: "admin", project_id: "demo" });
  expect(contextFromWire({ ...contextToWire(ours), is_admin: true })).toEqual(ours);
  const overHttp = { ...ours, role: "operator", tokenId: "0123456789ab", remoteAddress: "192.0.2.7" };
  expect(contextFromWire(contextToWire(overHttp))).toEqual(overHttp);
  expect(contextFromWire({}).requestId).toMatch(/^req-/);
});

test("a bare message is read as the first envelope version", () => {
  const bare = JSON.parse(CAST)["oslo.message"];
  expect(JSON.parse(encodeRequest(cast, "bare").toString())).toEqual(JSON.parse(bare));
  expect(decodeRequest(Buffer.from(bare))).toEqual(cast);
});

test.each([
  ["not JSON", "hello", "`message` is not JSON"],
  ["an array", "[]", "`message` is not a JSON object"],
  ["another envelope", '{"oslo.version":"3.0","oslo.message":"{}"}', "envelope version 3.0"],
  ["an inner object", '{"oslo.version":"2.0","oslo.message":{}}', "`oslo.message` of a message is not a string"],
  ["no method", '{"args":{},"_unique_id":"1"}', "`method` of a message is not a string"],
  ["positional arguments", '{"method":"m","args":[],"_unique_id":"1"}', "`args` of a message is not an object"],
  [
    "a message id that is a number",
    '{"method":"m","args":{},"_unique_id":"1","_msg_id":5,"_reply_q":"q"}',
    "`_msg_id`",
  ],
  ["no reply queue", '{"method":"m","args":{},"_unique_id":"1","_msg_id":"5"}', "`_reply_q`"],
  ["an endless id", `{"method":"m","args":{},"_unique_id":"${"1".repeat(256)}"}`, "`_unique_id`"],
  ["no unique id", '{"method":"m","args":{}}', "`_unique_id` of a message is not a string"],
])("%s is a protocol error", (_, body, message) => {
  expect(() => decodeRequest(Buffer.from(body))).toThrow(
    expect.objectContaining({ code: "protocol", message: expect.stringContaining(message) }),
  );
});

test("a body over the limit is neither written nor read", () => {
  const args = { text: "x".repeat(MAX_BODY_BYTES) };
  expect(() => encodeRequest({ ...cast, args })).toThrow(expect.objectContaining({ code: "bad-request" }));
  expect(() => decodeRequest(Buffer.alloc(MAX_BODY_BYTES + 1))).toThrow(expect.objectContaining({ code: "protocol" }));
});

const answerable = { method: "m", args: {}, version: "1.0", _unique_id: "u", _msg_id: "1", _reply_q: "q" };
const decodeJson = (json: string) => decodeRequest(Buffer.from(json));

test.each([
  ["method", { method: 5 }],
  ["args", { args: null }],
  ["version", { version: null }],
  ["_unique_id", { _unique_id: 7 }],
  ["namespace", { namespace: 5 }],
])("a call whose `%s` cannot be read says so, and where its answer goes", (field, change) => {
  const request = decodeJson(JSON.stringify({ ...answerable, ...change }));
  expect(request.reply).toEqual({ messageId: "1", queue: "q", monitorTimeoutSeconds: null });
  expect(request.fault).toMatchObject({ code: "bad-request", details: { field } });
  expect(request.uniqueId).not.toBe("");
  expect(decodeJson(JSON.stringify(answerable)).fault).toBeUndefined();
});

test.each([
  ["1e308", 3600],
  ["5000000", 3600],
  ["1e400", null],
  ["-1", null],
  ["0", null],
  ['"5"', null],
  ["2.5", 2.5],
])("a call that asks for signs of life within %s s gets them within %s s", (timeout, seconds) => {
  const json = JSON.stringify(answerable).slice(0, -1);
  expect(decodeJson(`${json},"_timeout":${timeout}}`).reply?.monitorTimeoutSeconds).toBe(seconds);
});

test("a deadline that is no finite number is none", () => {
  const json = JSON.stringify(answerable).slice(0, -1);
  expect(decodeJson(`${json},"_sent_at_ms":1e400,"_ttl_ms":5}`).deadline).toBeUndefined();
  expect(decodeJson(`${json},"_sent_at_ms":1,"_ttl_ms":-1e400}`).deadline).toBeUndefined();
  expect(decodeJson(`${json},"_sent_at_ms":1,"_ttl_ms":5}`).deadline).toEqual({ sentAtMs: 1, ttlMs: 5 });
});

test("a context cannot name what it inherits", () => {
  const json = JSON.stringify(answerable).slice(0, -1);
  const { context } = decodeJson(`${json},"_context___proto__":{"request_id":"forged"}}`);
  expect(context.request_id).toBeUndefined();
  expect(contextFromWire(context).requestId).toMatch(/^req-/);
});
