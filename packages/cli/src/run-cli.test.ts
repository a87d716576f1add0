import { expect, test } from "vitest";
import { runCli } from "./run-cli.ts";
import { capturedIo } from "./testing/captured-io.ts";
import { runDrover } from "./testing/run-drover.ts";
import {
  sampleDetail,
  sampleEvents,
  sampleHost,
  sampleMigration,
  sampleParked,
  sampleProgress,
  sampleServer,
} from "./testing/sample-views.ts";
import { refusal } from "./testing/scripted-api.ts";

test("host list is a table for people and /v1's JSON for programs", async () => {
  const body = { hosts: [sampleHost(), sampleHost({ name: "host-2", enabled: false, disabledReason: "bad fan" })] };
  const table = await runDrover({ "GET /v1/hosts": { body } }, "host", "list");
  expect(table.out).toBe(
    [
      "HOST     STATE   ENABLED       SERVERS   CPUS   MEMORY   HYPERVISOR   LIBVIRT   LAST SEEN\n",
      "host-1   up      yes           4         16     64 GiB   QEMU 7.2.0   9.0.0     3.0 s ago\n",
      "host-2   up      no: bad fan   4         16     64 GiB   QEMU 7.2.0   9.0.0     3.0 s ago\n",
    ].join(""),
  );
  const json = await runDrover({ "GET /v1/hosts": { body } }, "host", "list", "--json");
  expect(JSON.parse(json.out)).toEqual(body);
});

test("filters reach /v1", async () => {
  const body = { migrations: [sampleMigration()] };
  const script = { "GET /v1/migrations": { body }, "GET /v1/servers": { body: { servers: [] } } };
  const listed = await runDrover(script, "migration", "list", "--server", "busy", "--active", "--limit", "5");
  expect(listed.requests).toEqual(["GET /v1/migrations?server=busy&limit=5&active=true"]);
  expect(listed.out).toMatch(/^12 +busy +running +host-1 +host-2/m);
  const servers = await runDrover(script, "--json", "server", "list", "--host", "host-1");
  expect(servers.requests).toEqual(["GET /v1/servers?host=host-1"]);
});

const check = (name: string, passed: boolean, message: string) => ({ check: name, passed, message });

test("server preflight shows the hosts side by side, every check, and ends with the verdict", async () => {
  const body = {
    server: { uuid: "u", name: "web" },
    sourceHost: "host-1",
    requestedHost: null,
    canMove: true,
    chosenHost: "host-3",
    reason: "web can move to host-3: weight 3 (ram 1 x 1)",
    checks: [check("storage", true, "no local disk")],
    hosts: [
      {
        host: "host-3",
        verdict: "fit",
        rank: 1,
        weight: 3,
        weights: [],
        checks: [check("cpu-compatible", true, "has all of it")],
      },
      {
        host: "host-2",
        verdict: "unfit",
        rank: null,
        weight: null,
        weights: [],
        checks: [check("enabled", false, "disabled: bad fan"), check("name-free", false, "taken")],
      },
    ],
  };
  const path = "GET /v1/servers/web/migration-preflight";
  const shown = await runDrover({ [path]: { body } }, "server", "preflight", "web");
  expect(shown.code).toBe(0);
  expect(shown.out).toBe(
    [
      "yes: web can move to host-3: weight 3 (ram 1 x 1)\n\n",
      "HOST              VERDICT   RANK   WEIGHT   FAILED CHECKS\n",
      "host-3 (chosen)   fit       1      3.00     -\n",
      "host-2            unfit     -      -        enabled, name-free\n\n",
      "web on host-1\n",
      "  CHECK     RESULT   MESSAGE\n",
      "  storage   passed   no local disk\n\n",
      "host-3\n",
      "  CHECK            RESULT   MESSAGE\n",
      "  cpu-compatible   passed   has all of it\n\n",
      "host-2\n",
      "  CHECK       RESULT   MESSAGE\n",
      "  enabled     FAILED   disabled: bad fan\n",
      "  name-free   FAILED   taken\n",
    ].join(""),
  );
  const cannot = { ...body, canMove: false, chosenHost: null, reason: "web cannot leave host-1" };
  const json = await runDrover({ [path]: { body: cannot } }, "server", "preflight", "web", "--to", "host-3", "--json");
  expect(json).toMatchObject({ code: 4, requests: [`${path}?host=host-3`] });
  expect(JSON.parse(json.out)).toEqual(cannot);
});

test("what is allowed on a host is set with the words of /v1", async () => {
  const path = "PATCH /v1/hosts/host-1";
  const script = { [path]: { body: { host: sampleHost({ maxOutgoingMigrations: 4 }) } } };
  const sent = async (...words: readonly string[]) => (await runDrover(script, "host", ...words)).requests;
  expect(await sent("disable", "host-1", "--reason", "new fan")).toEqual([
    `${path} {"enabled":false,"disabledReason":"new fan"}`,
  ]);
  expect(await sent("enable", "host-1")).toEqual([`${path} {"enabled":true}`]);
  expect(await sent("limit", "host-1", "--max-outgoing", "4", "--max-incoming", "default")).toEqual([
    `${path} {"maxOutgoingMigrations":4,"maxIncomingMigrations":null}`,
  ]);
  const shown = await runDrover(script, "host", "limit", "host-1", "--max-outgoing", "4");
  expect(shown.out).toContain("MAX OUT   MAX IN");
  expect(shown.out).toMatch(/host-1 +up +yes +4 +default/);
  for (const wrong of [[], ["--max-incoming", "-1"], ["--max-outgoing", "many"], ["--max-outgoing", "1001"]]) {
    expect(await runDrover(script, "host", "limit", "host-1", ...wrong)).toMatchObject({ code: 2, requests: [] });
  }
});

test("a priority reaches /v1, and what waits is listed with its place and why", async () => {
  const waiting = sampleMigration({
    state: "queued",
    destinationHost: null,
    priority: 10,
    queue: { position: 2, length: 5 },
    reason: "waits for a slot: host-1 sends 2 at a time",
  });
  const script = {
    "POST /v1/servers/busy/migrations": { status: 202, body: { migration: waiting } },
    "GET /v1/migrations": { body: { migrations: [waiting, sampleMigration()] } },
    "GET /v1/migrations/12": { body: { migration: waiting, log: [] } },
  };
  const asked = await runDrover(script, "server", "migrate", "busy", "--priority", "10");
  expect(asked.requests).toEqual([
    `POST /v1/servers/busy/migrations {"host":null,"blockMigration":null,"priority":10}`,
  ]);
  expect((await runDrover(script, "server", "migrate", "busy", "--priority", "101")).code).toBe(2);
  const listed = await runDrover(script, "migration", "list");
  expect(listed.out).toMatch(/2 of 5 to leave host-1 +waits for a slot: host-1 sends 2 at a time$/m);
  const shown = await runDrover(script, "migration", "show", "12");
  expect(shown.out).toMatch(/^place in queue: +2 of 5 to leave host-1$/m);
  expect(shown.out).toMatch(/^priority: +10$/m);
});

test("how a copy went is shown people and programs, with what is missing of it", async () => {
  const { uuid } = sampleMigration();
  const last = sampleProgress({ elapsedMs: 90_000, memoryRemainingBytes: 0, iteration: 9 });
  const history = { migrationUuid: uuid, source: "archive", missing: null, points: [sampleProgress(), last] };
  const lost = { ...history, missing: "the progress cache had no history of it when it ended", points: [last] };
  const none = { ...history, source: "none", missing: "its copy has not begun", points: [] };
  const show = async (body: unknown, ...options: string[]) => {
    const detail = { body: { migration: sampleMigration(), log: [] } };
    const script = { "GET /v1/migrations/12": detail, [`GET /v1/migrations/${uuid}/progress-history`]: { body } };
    return (await runDrover(script, "migration", "history", "12", ...options)).out;
  };
  expect(await show(history)).toMatch(
    /^12\.0 s +pre-copy +812 MiB +- +118 MiB\/s +130 MiB\/s +3 +900 ms +500 ms +0 %\n1 min 30 s +pre-copy +0 B/m,
  );
  expect(JSON.parse(await show(history, "--json"))).toEqual(history);
  expect(await show(lost)).toMatch(
    /\nOnly the last numbers: the progress cache had no history of it when it ended\.\n$/,
  );
  expect(await show(none)).toBe("No history: its copy has not begun.\n");
});

const departures = (host: string) => ({
  ...{ host, canMove: 2, cannotMove: 1, canMoveTogether: 1, cannotMoveTogether: 2 },
  destinations: [{ host: "host-3", servers: 1, memoryKiB: 4_194_304 }],
  servers: [
    {
      ...{ server: { uuid: "u", name: "web" }, canMove: true, chosenHost: "host-3", reason: "web can move to host-3" },
      together: { host: "host-3", reason: "web can move to host-3" },
    },
    {
      ...{ server: { uuid: "v", name: "db" }, canMove: false, chosenHost: null, reason: "db has a local disk" },
      together: { host: null, reason: "db has a local disk" },
    },
    {
      ...{ server: { uuid: "w", name: "app" }, canMove: true, chosenHost: "host-3", reason: "app can move to host-3" },
      together: { host: null, reason: "host-3 has 6144 MiB, of which web would take 4096 MiB" },
    },
  ],
});
const stayingRows = [
  "db       no         -        no         db has a local disk\n",
  "app      yes        host-3   no         host-3 has 6144 MiB, of which web would take 4096 MiB\n",
];
const headings = "SERVER   CAN MOVE   TO       TOGETHER   WHY\n";

test("host preflight tells first what cannot move, then what finds no room beside the others", async () => {
  const script = { "GET /v1/hosts/host-1/migration-preflight": { body: departures("host-1") } };
  const shown = await runDrover(script, "host", "preflight", "host-1");
  expect(shown.code).toBe(4);
  expect(shown.out).toBe(
    [
      "host-1: 2 can move and 1 cannot, each alone; 1 of 3 find room together: host-3 1 (4 GiB)\n\n",
      headings,
      ...stayingRows,
      "web      yes        host-3   host-3     web can move to host-3\n",
    ].join(""),
  );
});

test("host preflight without a host tells of the whole fleet what could not leave, and why", async () => {
  const free = { ...departures("host-2"), canMoveTogether: 3, cannotMoveTogether: 0 };
  const script = {
    "GET /v1/hosts": { body: { hosts: [sampleHost(), sampleHost({ name: "host-2" })] } },
    "GET /v1/hosts/host-1/migration-preflight": { body: departures("host-1") },
    "GET /v1/hosts/host-2/migration-preflight": { body: free },
  };
  const shown = await runDrover(script, "host", "preflight");
  expect(shown.code).toBe(4);
  expect(shown.out).toBe(
    [
      "host-1: 2 can move and 1 cannot, each alone; 1 of 3 find room together: host-3 1 (4 GiB)\n\n",
      headings,
      ...stayingRows,
      "\n4 of 6 servers on 2 hosts could leave theirs, were it emptied\n",
    ].join(""),
  );
  const json = await runDrover(script, "host", "preflight", "--json");
  expect(
    json.out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line)),
  ).toEqual([departures("host-1"), free]);
});

test("a queued migration is given another priority, below zero too", async () => {
  const script = {
    "GET /v1/migrations/12": { body: sampleDetail({ state: "queued" }) },
    "POST /v1/migrations/12/priority": { status: 202, body: { answer: "accepted" } },
  };
  const raised = await runDrover(script, "migration", "priority", "12", "50");
  expect(raised.requests).toContain('POST /v1/migrations/12/priority {"priority":50}');
  expect(raised.out).toMatch(/^priority 50 of migration 12 of busy is requested/);
  const lowered = await runDrover(script, "migration", "priority", "12", "-5");
  expect(lowered.requests).toContain('POST /v1/migrations/12/priority {"priority":-5}');
  expect(await runDrover(script, "migration", "priority", "12", "101")).toMatchObject({ code: 2, requests: [] });
});

test("server migrate without --watch says how to follow it", async () => {
  const queued = { status: 202, body: { migration: sampleMigration({ state: "queued", destinationHost: null }) } };
  const script = { "POST /v1/servers/busy/migrations": queued };
  const { code, out, requests } = await runDrover(script, "server", "migrate", "busy", "--to", "host-2");
  expect(code).toBe(0);
  expect(out).toBe("migration 12 of busy is queued (host-1 -> ?); drover migration watch 12 shows how it goes\n");
  expect(requests).toEqual(['POST /v1/servers/busy/migrations {"host":"host-2","blockMigration":null,"priority":0}']);
});

test("server migrate says whether local disks are to be copied", async () => {
  const script = { "POST /v1/servers/busy/migrations": { status: 202, body: { migration: sampleMigration({}) } } };
  const migrate = (wanted: string) => runDrover(script, "server", "migrate", "busy", "--block-migration", wanted);
  expect((await migrate("true")).requests.at(-1)).toContain('"blockMigration":true');
  expect((await migrate("false")).requests.at(-1)).toContain('"blockMigration":false');
  expect((await migrate("auto")).requests.at(-1)).toContain('"blockMigration":null');
  const { code, err } = await migrate("perhaps");
  expect(code).not.toBe(0);
  expect(err).toContain("Allowed choices are true, false, auto");
});

test("a migration is addressed by id, or by the server it moves", async () => {
  const script = {
    "GET /v1/migrations/12": { body: sampleDetail() },
    "GET /v1/servers/busy": { body: { server: sampleServer({ migration: { id: 12, uuid: "u", status: "running" } }) } },
    "POST /v1/migrations/12/abort": { status: 202, body: { answer: "accepted" } },
    "POST /v1/migrations/12/force-complete": { status: 202, body: { answer: "ignored" } },
  };
  const abort = await runDrover(script, "migration", "abort", "busy");
  expect(abort).toMatchObject({ code: 0, err: "" });
  expect(abort.out).toContain("abort of migration 12 of busy is requested");
  expect(abort.requests.at(-1)).toBe("POST /v1/migrations/12/abort");
  const force = await runDrover(script, "migration", "force-complete", "12", "--json");
  expect(JSON.parse(force.out)).toEqual({ answer: "ignored" });
});

test("an abort that is watched says by its exit code whether it was one", async () => {
  const accepted = { status: 202, body: { answer: "accepted" } };
  const ending = (state: "cancelled" | "completed" | "failed") => ({
    "GET /v1/migrations/12": [
      { body: sampleDetail() },
      { body: sampleDetail({ state, requestAnswer: "it had ended" }) },
    ],
    "GET /v1/migrations/12/events": { events: sampleEvents({}, { state }) },
    "POST /v1/migrations/12/abort": accepted,
  });
  expect((await runDrover(ending("cancelled"), "migration", "abort", "12", "--watch")).code).toBe(0);
  const late = await runDrover(ending("completed"), "migration", "abort", "12", "--watch");
  expect(late.code).toBe(4);
  expect(late.err).toContain("the abort came too late: it had ended");
  expect((await runDrover(ending("failed"), "migration", "abort", "12", "--watch")).code).toBe(5);
});

test("what a force-complete costs is said before it is asked for", async () => {
  const expectedStandstill = { method: "post-copy", postCopyPermitted: true, pauseMs: 12_000 } as const;
  const script = {
    "GET /v1/migrations/12": { body: sampleDetail({ expectedStandstill }) },
    "POST /v1/migrations/12/force-complete": { status: 202, body: { answer: "accepted" } },
  };
  const paused = await runDrover(script, "migration", "force-complete", "12", "--pause");
  expect(paused.err).toMatch(/by pausing: the server stands still .* about 12/);
  expect(paused.requests.at(-1)).toBe('POST /v1/migrations/12/force-complete {"method":"pause"}');
  expect((await runDrover(script, "migration", "force-complete", "12")).err).toMatch(/by post-copy/);
  expect((await runDrover(script, "migration", "force-complete", "12", "--pause", "--post-copy")).code).toBe(2);
});

test("limits are changed and a broken post-copy is resumed by command", async () => {
  const script = {
    "GET /v1/migrations/12": { body: sampleDetail() },
    "POST /v1/migrations/12/tune": { status: 202, body: { answer: "accepted" } },
    "POST /v1/migrations/12/resume": { status: 202, body: { answer: "accepted" } },
  };
  const set = await runDrover(script, "migration", "set", "12", "--bandwidth-mibps", "200");
  expect(set.requests.at(-1)).toBe('POST /v1/migrations/12/tune {"bandwidthMiBps":200,"downtimeMs":null}');
  expect(await runDrover(script, "migration", "set", "12")).toMatchObject({ code: 2 });
  expect(await runDrover(script, "migration", "resume", "12")).toMatchObject({ code: 0 });
});

test("a server that is not being moved has nothing to abort, but its last migration can be shown", async () => {
  const script = {
    "GET /v1/servers/busy": { body: { server: sampleServer() } },
    "GET /v1/migrations": { body: { migrations: [sampleMigration({ id: 3 }), sampleMigration({ id: 12 })] } },
    "GET /v1/migrations/12": { body: sampleDetail({ state: "completed" }) },
  };
  const abort = await runDrover(script, "migration", "abort", "busy");
  expect(abort.code).toBe(3);
  expect(abort.err).toMatch(/^drover: no migration of busy is under way; `drover migration list .*\n$/);
  const shown = await runDrover(script, "migration", "show", "busy");
  expect(shown.out).toMatch(/^migration: +12 .*$/m);
  expect(shown.out).toMatch(/VIR_MIGRATE_LIVE +- +the guest is running/);
});

test("an unknown number that is no server's name either gives the first answer", async () => {
  const { code, err } = await runDrover({}, "migration", "show", "99");
  expect(code).toBe(3);
  expect(err).toBe("drover: there is no GET /v1/migrations/99\n");
});

test.each([
  ["refused", 409, 4],
  ["conflict", 409, 4],
  ["pre-check-failed", 400, 4],
  ["no-eligible-host", 507, 4],
  ["bad-request", 400, 2],
  ["not-found", 404, 3],
  ["unavailable", 503, 7],
  ["agent-unreachable", 503, 7],
  ["deadline-exceeded", 504, 1],
  ["internal", 500, 1],
  ["something-newer", 418, 1],
])("an answer of %s (%i) ends with %i", async (errorCode, status, exitCode) => {
  const script = { "POST /v1/servers/vm/migrations": refusal(status, errorCode, "this is why") };
  const { code, err, out } = await runDrover(script, "server", "migrate", "vm", "--json");
  expect(code).toBe(exitCode);
  expect(err).toMatch(/^drover: this is why.*\n$/);
  expect(JSON.parse(out)).toMatchObject({ error: { code: errorCode, message: "this is why", requestId: "req-9" } });
});

test("failed checks are told, each once, on the one line", async () => {
  const checks = [
    { check: "cpu-compatible", passed: false, message: "host-2 lacks avx512f" },
    { check: "name-free", passed: true, message: "no guest of that name" },
    { check: "memory-free", passed: false, message: "host-2 has\n1 GiB free" },
  ];
  const script = {
    "POST /v1/servers/vm/migrations": refusal(400, "pre-check-failed", "vm cannot move to host-2", { checks }),
  };
  const { err } = await runDrover(script, "server", "migrate", "vm");
  expect(err).toBe("drover: vm cannot move to host-2; host-2 lacks avx512f; host-2 has 1 GiB free\n");
});

test("parked messages are a table for people, and /v1's JSON for programs", async () => {
  const unreadable = sampleParked({ id: "c3d4", queue: "conductor", method: null, tries: 1 });
  const body = { parked: [sampleParked(), unreadable] };
  const table = await runDrover({ "GET /v1/bus/parked": { body } }, "bus", "parked", "--limit", "2");
  expect(table.requests).toEqual(["GET /v1/bus/parked?limit=2"]);
  expect(table.out).toBe(
    [
      "ID     QUEUE            METHOD           TRIES   PARKED           REASON\n",
      "a1b2   compute.host-1   live_migration   5       1 min 00 s ago   libvirt: libvirtd said no\n",
      "c3d4   conductor        unreadable       1       1 min 00 s ago   libvirt: libvirtd said no\n",
    ].join(""),
  );
  const json = await runDrover({ "GET /v1/bus/parked": { body } }, "bus", "parked", "--json");
  expect(JSON.parse(json.out)).toEqual(body);
  const none = await runDrover({ "GET /v1/bus/parked": { body: { parked: [] } } }, "bus", "parked");
  expect(none).toMatchObject({ code: 0, out: "Nothing is parked.\n" });
});

test("a parked message is sent again or thrown away by its id", async () => {
  const script = {
    "POST /v1/bus/parked/a1b2/send-again": { body: { id: "a1b2", released: "sent-again" } },
    "DELETE /v1/bus/parked/a1b2": { body: { id: "a1b2", released: "discarded" } },
    "DELETE /v1/bus/parked/gone": refusal(404, "not-found", "no message gone is parked"),
  };
  const sent = await runDrover(script, "bus", "parked", "send-again", "a1b2");
  expect(sent).toMatchObject({ code: 0, err: "", out: "a1b2 was sent to its queue again\n" });
  const discarded = await runDrover(script, "bus", "parked", "discard", "a1b2", "--json");
  expect(JSON.parse(discarded.out)).toEqual({ id: "a1b2", released: "discarded" });
  expect(discarded.requests).toEqual(["DELETE /v1/bus/parked/a1b2"]);
  const gone = await runDrover(script, "bus", "parked", "discard", "gone");
  expect(gone).toMatchObject({ code: 3, err: "drover: no message gone is parked\n" });
});

test("nobody at the URL ends with 7 and the remedy", async () => {
  const url = "http://127.0.0.1:2";
  const io = capturedIo({ DROVER_URL: "http://127.0.0.1:9" });
  expect(await runCli(["--url", url, "host", "list"], io)).toBe(7);
  expect(io.err()).toContain(`cannot reach Drover's API at ${url} (connection refused); start Drover with`);
});

test.each([
  [["hst"], /unknown command 'hst' \(Did you mean host\?\); see drover --help/],
  [["server", "show"], /missing required argument 'server'; see/],
  [["host", "list", "--jsn"], /unknown option '--jsn' \(Did you mean --json\?\); see/],
  [["bus", "parked", "resend", "a1b2"], /too many arguments for 'parked'\. Expected 0 .*; see/],
  [["bus", "parked", "discard"], /missing required argument 'id'; see/],
  [["migration", "list", "--limit", "0"], /'0' is invalid\. It must be a whole number from 1 to 1000; see/],
  [["migration", "list", "--limit", "1001"], /'1001' is invalid\. It must be a whole number from 1 to 1000; see/],
  [["migration", "list", "--limit", "1e2"], /'1e2' is invalid\. It must be a whole number from 1 to 1000; see/],
  [["server", "show", "", "--json"], /value '' is invalid for argument 'server'\. It must be a name, id or uuid, not/],
  [["server", "migrate", ".."], /value '\.\.' is invalid for argument 'server'\. It must be a name/],
  [["server", "migrate", "vm", "--to", ""], /'--to <host>' argument '' is invalid\. It must be a name/],
  [["server", "list", "--host", "."], /'--host <host>' argument '\.' is invalid\. It must be a name/],
  [["migration", "list", "--server", " "], /'--server <server>' argument ' ' is invalid\. It must be a name/],
  [["migration", "abort", "."], /value '\.' is invalid for argument 'migration'\. It must be a name/],
  [["migration", "watch", ""], /value '' is invalid for argument 'migration'\. It must be a name/],
  [["--url", "nonsense", "host", "list"], /value of --url cannot be used: "nonsense" is not the URL of an API/],
])("%j is a usage error: 2 and one line", async (argv, complaint) => {
  const io = capturedIo();
  expect(await runCli(argv, io)).toBe(2);
  expect(io.err()).toMatch(complaint);
  expect(io.err().trim().split("\n")).toHaveLength(1);
});

test("--help documents every exit code and ends with 0", async () => {
  const io = capturedIo();
  expect(await runCli(["--help"], io)).toBe(0);
  for (const code of [0, 1, 2, 3, 4, 5, 6, 7, 8, 130]) expect(io.out()).toMatch(new RegExp(`^  ${code} `, "m"));
});

test("--version is the package's version and ends with 0", async () => {
  const io = capturedIo();
  expect(await runCli(["--version"], io)).toBe(0);
  expect(io.out()).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test("a name cannot steer the terminal", async () => {
  const body = { servers: [sampleServer({ name: "\u001b[2Jevil\u202e\nname" })] };
  const { out } = await runDrover({ "GET /v1/servers": { body } }, "server", "list");
  expect(out).toContain("?[2Jevil? name");
});

test("--output yaml gives the same documents, also of an error; --output json is what --json is", async () => {
  const body = { hosts: [] };
  const yaml = await runDrover({ "GET /v1/hosts": { body } }, "host", "list", "--output", "yaml");
  expect(yaml).toMatchObject({ code: 0, out: "---\nhosts: []\n" });
  const json = await runDrover({ "GET /v1/hosts": { body } }, "-o", "json", "host", "list");
  expect(json.out).toBe((await runDrover({ "GET /v1/hosts": { body } }, "--json", "host", "list")).out);
  const failed = await runDrover({}, "server", "show", "web", "-o", "yaml");
  expect(failed.out).toMatch(/^---\nerror:\n {2}code: not-found\n/);
  const wrong = await runDrover({}, "host", "list", "--output", "xml");
  expect(wrong).toMatchObject({ code: 2, err: expect.stringContaining("Allowed choices are table, json, yaml") });
});
