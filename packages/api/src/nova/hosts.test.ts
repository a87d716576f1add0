import { S1 } from "@drover/fleet/testing";
import { DroverError } from "@drover/model";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ApiFixture, openApiFixture } from "../api-fixture.test.support.ts";

let api: ApiFixture;
beforeAll(async () => {
  api = await openApiFixture();
});
afterAll(() => api.close());

interface Hypervisor {
  readonly id: number | string;
  readonly hypervisor_hostname: string;
  readonly servers?: unknown;
}

async function hypervisors(path: string, minor: number): Promise<readonly Hypervisor[]> {
  const { status, body } = await api.nova("GET", path, minor);
  expect(status).toBe(200);
  return (body as { hypervisors: Hypervisor[] }).hypervisors;
}

describe("/os-hypervisors", () => {
  it("has numbers until 2.52 and uuids from 2.53", async () => {
    expect((await hypervisors("/os-hypervisors", 52)).map(({ id }) => id)).toEqual([1, 2]);
    expect((await hypervisors("/os-hypervisors", 53))[0]?.id).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("loses its capacity at 2.88 and gains uptime", async () => {
    const [before] = await hypervisors("/os-hypervisors/detail", 87);
    expect(before).toMatchObject({
      hypervisor_hostname: "hosta",
      hypervisor_type: "QEMU",
      hypervisor_version: 7_002_000,
      host_ip: "127.0.0.1",
      state: "up",
      status: "enabled",
      service: { host: "hosta", disabled_reason: null },
      cpu_info: { arch: "x86_64", model: "EPYC" },
      memory_mb: 16_384,
      memory_mb_used: 1024,
      running_vms: 2,
      vcpus: 8,
    });
    const [after] = await hypervisors("/os-hypervisors/detail", 88);
    expect(after).toHaveProperty("uptime", null);
    expect(after).not.toHaveProperty("memory_mb");
    expect((await hypervisors("/os-hypervisors/detail", 27))[0]).toMatchObject({ cpu_info: expect.any(String) });
  });

  it("finds by pattern with the servers, as host-evacuate-live asks for it", async () => {
    const path = "/os-hypervisors?hypervisor_hostname_pattern=hosta&with_servers=True";
    const [host, ...others] = await hypervisors(path, 80);
    expect(others).toEqual([]);
    expect(host?.servers).toContainEqual({ name: "vm1", uuid: S1 });
    expect((await hypervisors("/os-hypervisors/hosta/servers", 52))[0]?.servers).toHaveLength(3);
    expect((await hypervisors("/os-hypervisors/host/search", 52)).map((found) => found.servers)).toEqual([
      undefined,
      undefined,
    ]);
  });

  it("shows empty hosts' servers from 2.75 on only", async () => {
    const path = "/os-hypervisors?hypervisor_hostname_pattern=hostb&with_servers=True";
    expect((await hypervisors(path, 74))[0]).not.toHaveProperty("servers");
    expect((await hypervisors(path, 75))[0]?.servers).toEqual([]);
  });

  it("answers 404 for a pattern that matches nothing and for an unknown one", async () => {
    expect(await api.nova("GET", "/os-hypervisors?hypervisor_hostname_pattern=x", 80)).toMatchObject({
      status: 404,
      body: { itemNotFound: { message: "No hypervisor matching 'x' could be found." } },
    });
    expect(await api.nova("GET", "/os-hypervisors/77", 80)).toMatchObject({
      status: 400,
      body: { badRequest: { message: "Invalid uuid 77" } },
    });
    expect(await api.nova("GET", `/os-hypervisors/${S1}`, 80)).toMatchObject({
      status: 404,
      body: { itemNotFound: { message: `Hypervisor with ID '${S1}' could not be found.` } },
    });
    expect((await api.nova("GET", "/os-hypervisors/1", 52)).body).toMatchObject({ hypervisor: { id: 1 } });
  });
});

describe("what hypervisors had in older versions", () => {
  it("has sums over hosts until 2.87", async () => {
    expect((await api.nova("GET", "/os-hypervisors/statistics", 87)).body).toMatchObject({
      hypervisor_statistics: { count: 2, vcpus: 16, memory_mb: 32_768, running_vms: 2, current_workload: 0 },
    });
    expect((await api.nova("GET", "/os-hypervisors/statistics", 88)).status).toBe(404);
  });

  it("says that an uptime is not known, until 2.87", async () => {
    expect(await api.nova("GET", "/os-hypervisors/1/uptime", 52)).toMatchObject({
      status: 501,
      body: { notImplemented: { code: 501 } },
    });
    expect((await api.nova("GET", "/os-hypervisors/9/uptime", 52)).status).toBe(404);
    expect((await api.nova("GET", "/os-hypervisors/1/uptime", 88)).status).toBe(404);
  });

  it("does not page over a pattern, as Nova does not", async () => {
    const path = "/os-hypervisors?hypervisor_hostname_pattern=host&limit=1";
    expect((await api.nova("GET", path, 80)).status).toBe(400);
  });
});

describe("aggregates and availability zones", () => {
  it("has the zones of hosts, with their agents where detail is asked for", async () => {
    expect((await api.nova("GET", "/os-availability-zone", 80)).body).toEqual({
      availabilityZoneInfo: [{ zoneName: "nova", zoneState: { available: true }, hosts: null }],
    });
    const service = {
      "nova-compute": { available: true, active: true, updated_at: expect.stringMatching(/\.\d{6}$/) },
    };
    expect((await api.nova("GET", "/os-availability-zone/detail", 80)).body).toMatchObject({
      availabilityZoneInfo: [{ zoneName: "nova", hosts: { hosta: service, hostb: service } }],
    });
  });

  it("has an aggregate with its zone, and its zone with its host", async () => {
    const made = { name: "fast", hosts: ["hostb"], availabilityZone: "west", metadata: { ssd: "true" } };
    const { id } = await api.store.aggregates.create(made);
    const { body } = await api.nova("GET", `/os-aggregates/${id}`, 80);
    expect(body).toEqual({
      aggregate: {
        id,
        uuid: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
        name: "fast",
        hosts: ["hostb"],
        availability_zone: "west",
        metadata: { ssd: "true", availability_zone: "west" },
        created_at: expect.stringMatching(/\.\d{6}$/),
        updated_at: null,
        deleted: false,
        deleted_at: null,
      },
    });
    expect((await api.nova("GET", "/os-aggregates", 80)).body).toEqual({
      aggregates: [Object.values(body as object)[0]],
    });
    expect((await api.nova("GET", `/os-aggregates/${id}`, 40)).body).not.toHaveProperty("aggregate.uuid");
    expect((await api.nova("GET", "/os-aggregates/4711", 80)).body).toMatchObject({
      itemNotFound: { message: "Aggregate 4711 could not be found." },
    });
    expect((await api.nova("GET", "/os-aggregates/fast", 80)).status).toBe(400);
    expect((await api.nova("GET", "/os-availability-zone", 80)).body).toMatchObject({
      availabilityZoneInfo: [{ zoneName: "nova" }, { zoneName: "west" }],
    });
    await api.store.hosts.set("hostb", { enabled: false });
    expect((await api.nova("GET", "/os-availability-zone", 80)).body).toMatchObject({
      availabilityZoneInfo: [{ zoneName: "nova" }, { zoneName: "west", zoneState: { available: false } }],
    });
    await api.store.hosts.set("hostb", { enabled: true });
    await api.store.aggregates.remove("fast");
  });
});

describe("PUT /os-services", () => {
  const service = async (minor = 80) => {
    const { body } = await api.nova("GET", "/os-services?host=hostb", minor);
    const { services } = body as {
      services: readonly { id: string; status: string; disabled_reason: string | null }[];
    };
    const [only] = services;
    if (only === undefined) throw new Error("no service");
    return only;
  };

  it("disables and enables by uuid, as stock clients do from 2.53", async () => {
    const { id } = await service();
    const update = { status: "disabled", disabled_reason: "new fan" };
    expect(await api.nova("PUT", `/os-services/${id}`, 80, update)).toMatchObject({
      status: 200,
      body: { service: { id, host: "hostb", status: "disabled" } },
    });
    expect(api.calls.at(-1)).toMatchObject({
      method: "update_host",
      request: { host: "hostb", settings: { enabled: false, disabledReason: "new fan" }, requestedBy: "admin" },
    });
    expect((await service()).status).toBe("disabled");
    expect((await api.nova("PUT", `/os-services/${id}`, 80, { status: "enabled" })).status).toBe(200);
    expect((await service()).status).toBe("enabled");
  });

  it("and by host and binary before", async () => {
    const body = { host: "hostb", binary: "nova-compute" };
    const why = { ...body, disabled_reason: "new fan" };
    expect(await api.nova("PUT", "/os-services/disable-log-reason", 52, why)).toMatchObject({
      status: 200,
      body: { service: { ...why, status: "disabled" } },
    });
    expect(await api.nova("PUT", "/os-services/enable", 52, body)).toMatchObject({
      body: { service: { ...body, status: "enabled" } },
    });
    expect((await api.nova("PUT", "/os-services/disable", 52, why)).status).toBe(400);
    expect((await api.nova("PUT", "/os-services/disable-log-reason", 52, body)).status).toBe(400);
    expect((await api.nova("PUT", "/os-services/disable", 52, { ...body, host: "hostc" })).status).toBe(404);
  });

  it.each([
    ["nothing", {}, "No updates were requested. Fields 'status' or 'forced_down' should be specified."],
    [
      "a reason without being disabled",
      { status: "enabled", disabled_reason: "x" },
      "Specifying 'disabled_reason' when status is 'enabled' is invalid.",
    ],
    ["a reason alone", { disabled_reason: "x" }, "Specifying 'disabled_reason' when status is 'enabled' is invalid."],
    [
      "an unknown word",
      { status: "disabled", why: "x" },
      "Additional properties are not allowed ('why' was unexpected)",
    ],
    ["what is no boolean", { forced_down: "perhaps" }, "forced_down"],
  ])("refuses %s", async (_, update, message) => {
    const { id } = await service();
    const before = api.calls.length;
    expect(await api.nova("PUT", `/os-services/${id}`, 80, update)).toMatchObject({
      status: 400,
      body: { badRequest: { message: expect.stringContaining(message) } },
    });
    expect(api.calls).toHaveLength(before);
  });

  it("forces a host down, and takes that back", async () => {
    const { id } = await service();
    expect((await api.nova("PUT", `/os-services/${id}`, 53, { forced_down: true })).body).toMatchObject({
      service: { forced_down: true, state: "down", status: "enabled" },
    });
    expect(api.calls.at(-1)).toMatchObject({ request: { host: "hostb", settings: { forcedDown: true } } });
    const named = { host: "hostb", binary: "nova-compute", forced_down: "False" };
    expect(await api.nova("PUT", "/os-services/force-down", 11, named)).toMatchObject({
      status: 200,
      body: { service: { host: "hostb", binary: "nova-compute", forced_down: false } },
    });
    expect(await api.nova("PUT", "/os-services/force-down", 10, named)).toMatchObject({
      status: 404,
      body: { itemNotFound: { message: "Unknown action" } },
    });
  });

  it("deletes one, by number below 2.53", async () => {
    const { id } = await service();
    expect(await api.nova("DELETE", `/os-services/${id}`, 80)).toMatchObject({ status: 204, body: undefined });
    expect(api.calls.at(-1)).toMatchObject({ method: "delete_host", request: { host: "hostb" } });
    expect((await api.nova("DELETE", "/os-services/2", 52)).status).toBe(204);
    expect((await api.nova("DELETE", "/os-services/x", 52)).status).toBe(400);
    expect(await api.nova("DELETE", "/os-services/2", 80)).toMatchObject({
      status: 400,
      body: { badRequest: { message: "Invalid uuid 2" } },
    });
    expect(await api.nova("DELETE", `/os-services/${S1}`, 80)).toMatchObject({
      status: 404,
      body: { itemNotFound: { message: `Service ${S1} not found.` } },
    });
    api.refuseNext(new DroverError("refused", "host hostb cannot be removed: it has guests"));
    expect(await api.nova("DELETE", `/os-services/${id}`, 80)).toMatchObject({
      status: 409,
      body: { conflictingRequest: { message: expect.stringContaining("it has guests") } },
    });
  });
});

describe("/os-services", () => {
  it("shows every agent as a nova-compute", async () => {
    const { body } = await api.nova("GET", "/os-services?host=hostb", 80);
    expect(body).toEqual({
      services: [
        {
          id: expect.stringMatching(/^[0-9a-f-]{36}$/),
          binary: "nova-compute",
          host: "hostb",
          zone: "nova",
          status: "enabled",
          state: "up",
          updated_at: expect.stringMatching(/\.\d{6}$/),
          disabled_reason: null,
          forced_down: false,
        },
      ],
    });
    expect((await api.nova("GET", "/os-services?binary=nova-conductor", 80)).body).toEqual({ services: [] });
  });
});
