import { S1 } from "@drover/fleet/testing";
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
    expect((await api.nova("GET", "/os-hypervisors/77", 80)).status).toBe(404);
    expect((await api.nova("GET", "/os-hypervisors/1", 52)).body).toMatchObject({ hypervisor: { id: 1 } });
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
