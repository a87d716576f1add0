import { DroverError, isActive, isHostUp, type PreCheck, type Server, whyHostIsDown } from "@drover/model";
import type { Store } from "@drover/store";
import type { ConductorContext } from "../conductor-context.ts";

// What is known of a request at once, without asking an agent. A request is refused for the first of them that fails; a
// preflight reports all.

export interface RequestCheck extends PreCheck {
  /** What the request is refused with; undefined when the check passed. */
  readonly refusal: DroverError | undefined;
}

type Parts = Pick<ConductorContext, "store" | "clock">;

/** @throws {DroverError} that of the first check that failed */
export function refuseFailed(checks: readonly RequestCheck[]): void {
  for (const { refusal } of checks) if (refusal !== undefined) throw refusal;
}

/** Of the server alone: it runs, and on one host. */
export function checksOfServer(server: Server): readonly RequestCheck[] {
  const { name, host, powerState, runsTwice } = server;
  const details = { serverUuid: server.uuid };
  const hosts = runsTwice.join(" and ");
  return [
    runsTwice.length === 0
      ? passed("runs-once", `${name} runs on no other host than ${host}`)
      : failed(
          "runs-once",
          new DroverError("refused", `${name} runs on ${hosts}: stop one of the two before anything else`, { details }),
        ),
    isActive(powerState)
      ? passed("server-active", `${name} is ${powerState} on ${host}`)
      : failed(
          "server-active",
          new DroverError("refused", `${name} is ${powerState} on ${host}: only a server that runs can be moved live`, {
            details,
          }),
        ),
  ];
}

/** A migration that has just completed is known before its destination's report: it would be sought where it was. */
export async function whereItIsNow(store: Store, server: Server): Promise<string> {
  const [last] = await store.migrations.list({ serverUuid: server.uuid, limit: 1 });
  const moved = last?.state === "completed" && last.sourceHost === server.host && last.endedAt !== null;
  return moved && last.endedAt > server.seenAt && last.destinationHost !== null ? last.destinationHost : server.host;
}

export function checkItIsElsewhere(server: Server, sourceHost: string, host: string): RequestCheck {
  if (host !== sourceHost) return passed("different-host", `${host} is another host than ${sourceHost}`);
  return failed(
    "different-host",
    new DroverError("bad-request", `${server.name} runs on ${host} already: name another host, or none`, {
      details: { host, field: "host" },
    }),
  );
}

export async function checkSourceIsUp(parts: Parts, server: Server, host: string): Promise<RequestCheck> {
  return await hostIsUp(parts, host, "source-up", `${server.name} runs on`);
}

export async function checkDestinationIsUp(parts: Parts, server: Server, host: string): Promise<RequestCheck> {
  return await hostIsUp(parts, host, "destination-up", `${server.name} cannot move to`);
}

async function hostIsUp({ store, clock }: Parts, name: string, check: string, relation: string): Promise<RequestCheck> {
  const details = { host: name };
  const host = await store.hosts.get(name);
  if (host === undefined) {
    return failed(check, new DroverError("not-found", `there is no host ${name}: see the list of hosts`, { details }));
  }
  if (isHostUp(host, clock.now())) return passed(check, `the agent of ${name} answers`);
  const remedy = host.forcedDown ? "take that back once it runs again" : "start the agent there";
  return failed(
    check,
    new DroverError("refused", `${relation} ${name}, which is down (${whyHostIsDown(host)}): ${remedy}`, { details }),
  );
}

function passed(check: string, message: string): RequestCheck {
  return { check, passed: true, message, refusal: undefined };
}

function failed(check: string, refusal: DroverError): RequestCheck {
  return { check, passed: false, message: refusal.message, refusal };
}
