/** What both hosts' libvirt say of one guest, asked for all the time: the truth that a record is measured against. */
import { LibvirtHost, VIR_DOMAIN_STATE } from "@drover/libvirt";
import type { LabGuest, LabHost } from "@drover/testkit";

const EVERY_MS = 40;
/** A frozen libvirtd does not answer, and a dead one refuses; both are `away`. */
const ANSWER_WITHIN_MS = 400;
/** libvirt's numbers for state and reason, or why there are none. */
export type Seen = { readonly state: number; readonly reason: number } | "away" | "unknown here";

export interface GuestWatch extends AsyncDisposable {
  /** The newest answer of a host. */
  now(host: LabHost): Seen;
  /** Changes so far, as "12.3 host-1 paused/2": seconds since the watch began, state, libvirt's reason. */
  readonly timeline: readonly string[];
  /** Moments at which both hosts said that the guest's processors run. */
  readonly runningTwice: readonly string[];
}

const STATE_NAMES = new Map<number, string>([
  [VIR_DOMAIN_STATE.VIR_DOMAIN_RUNNING, "running"],
  [VIR_DOMAIN_STATE.VIR_DOMAIN_PAUSED, "paused"],
  [VIR_DOMAIN_STATE.VIR_DOMAIN_SHUTOFF, "shut off"],
]);

export function describeSeen(seen: Seen): string {
  if (typeof seen === "string") return seen;
  return `${STATE_NAMES.get(seen.state) ?? `state ${seen.state}`}/${seen.reason}`;
}

export function isRunning(seen: Seen): boolean {
  return typeof seen !== "string" && seen.state === VIR_DOMAIN_STATE.VIR_DOMAIN_RUNNING;
}

export function isPaused(seen: Seen): boolean {
  return typeof seen !== "string" && seen.state === VIR_DOMAIN_STATE.VIR_DOMAIN_PAUSED;
}

/** Watches from now on. It asks over connections of its own, opened again whenever a libvirtd comes back. */
export function watchGuest(guest: LabGuest, hosts: readonly LabHost[]): GuestWatch {
  const startMs = performance.now();
  const stop = new AbortController();
  const timeline: string[] = [];
  const runningTwice: string[] = [];
  const newest = new Map<LabHost, Seen>(hosts.map((host) => [host, "away"]));
  const connections = new Map<LabHost, LibvirtHost>();
  let twiceBefore = false;
  const seconds = () => ((performance.now() - startMs) / 1000).toFixed(1);

  const ask = async (host: LabHost): Promise<Seen> => {
    const options = { deadlineMs: ANSWER_WITHIN_MS };
    try {
      const connection = connections.get(host) ?? (await open(host));
      connections.set(host, connection);
      const domains = await connection.control.domain.listAll(0, options);
      const domain = domains.find(({ name }) => name === guest.name);
      return domain === undefined ? "unknown here" : await connection.control.domain.getState(domain, options);
    } catch {
      await connections
        .get(host)
        ?.close()
        .catch(() => undefined);
      connections.delete(host);
      return "away";
    }
  };
  const round = async () => {
    const answers = await Promise.all(hosts.map(async (host) => [host, await ask(host)] as const));
    for (const [host, seen] of answers) {
      if (describeSeen(newest.get(host) ?? "away") !== describeSeen(seen)) {
        timeline.push(`${seconds()} ${host.name} ${describeSeen(seen)}`);
      }
      newest.set(host, seen);
    }
    // The two answers of one round are not of one moment: a switch-over may lie between them. Those of two rounds prove it.
    const twice = answers.every(([, seen]) => isRunning(seen));
    if (twice && twiceBefore) runningTwice.push(seconds());
    twiceBefore = twice;
  };
  const watching = (async () => {
    while (!stop.signal.aborted) {
      await round();
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
    await Promise.all([...connections.values()].map((connection) => connection.close().catch(() => undefined)));
  })();
  return {
    now: (host) => newest.get(host) ?? "away",
    timeline,
    runningTwice,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await watching;
    },
  };
}

async function open(host: LabHost): Promise<LibvirtHost> {
  const opened = LibvirtHost.open(host.uri);
  const late = new Promise<never>((_resolve, reject) => {
    setTimeout(() => reject(new Error("libvirtd does not answer")), ANSWER_WITHIN_MS);
  });
  try {
    return await Promise.race([opened, late]);
  } catch (error) {
    // One that opens after all belongs to nobody.
    void opened.then((connection) => connection.close()).catch(() => undefined);
    throw error;
  }
}
