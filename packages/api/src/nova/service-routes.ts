import type { KnownHost } from "@drover/fleet";
import { z } from "zod";
import { hostId } from "./hypervisor-view.ts";
import { SINCE } from "./microversion.ts";
import type { NovaRoutes } from "./nova-context.ts";
import { microsecondsTime } from "./nova-time.ts";
import { parseQuery } from "./nova-validation.ts";

const serviceQuery = z.object({ binary: z.string().optional(), host: z.string().optional() });

/** `GET /os-services`: each agent is a `nova-compute`, the word by which clients look for what runs servers. */
export const serviceRoutes: NovaRoutes = (app, { fleet }) => {
  app.get("/os-services", async (request) => {
    const { binary = "nova-compute", host } = parseQuery(serviceQuery, request.query);
    const hosts = binary === "nova-compute" ? await fleet.hosts() : [];
    const chosen = hosts.filter((known) => host === undefined || known.facts.host === host);
    return { services: chosen.map((known) => view(known, request.novaMinor)) };
  });
};

function view(host: KnownHost, minor: number): object {
  return {
    id: hostId(host, minor),
    binary: "nova-compute",
    host: host.facts.host,
    zone: "nova",
    status: host.enabled ? "enabled" : "disabled",
    state: host.up ? "up" : "down",
    updated_at: microsecondsTime(host.lastSeenAt),
    disabled_reason: host.disabledReason,
    ...(minor >= SINCE.forcedDown ? { forced_down: false } : {}),
  };
}
