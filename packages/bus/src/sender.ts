import { DroverError } from "@drover/model";
import type { CallContract, CastContract } from "./contract.ts";

/** Who sent a request, as far as the broker vouches for it. */
export interface Sender {
  /** The broker's name for the user whose connection it came over; null where the broker vouches for nobody. */
  readonly user: string | null;
  /**
   * It came through the exchange for other services. The broker lets no agent publish there, so its sender is none,
   * though nobody says who it is: stock clients never do.
   */
  readonly throughExchange: boolean;
}

/** Whom a server believes. */
export interface Trust {
  /** Our own name at the broker: whoever has our credentials could be us. */
  readonly ownUser: string;
  /** Users whose commands are obeyed beside. */
  readonly trustedUsers: readonly string[];
}

/** Broker users of agents are named by their hosts, so that the name says what they may report on. */
const AGENT_USER = "drover-agent.";
/** Those of the control plane by their processes: `drover-api`. With a dot it is an agent's or another service's. */
const CONTROL_PLANE_USER = /^drover-[^.]+$/;

export function agentUser(host: string): string {
  return AGENT_USER + host;
}

/** A conductor or an API, by the name of its user, or one that is believed like them. */
export function isControlPlane(user: string | null, trust: Trust): boolean {
  return isTrusted(user, trust) || (user !== null && CONTROL_PLANE_USER.test(user));
}

/** One whose commands are obeyed; nobody is where the broker vouches for nobody. */
export function isTrusted(user: string | null, trust: Trust): boolean {
  return user !== null && (user === trust.ownUser || trust.trustedUsers.includes(user));
}

/** Whether `user` is believed about whose a message was that it took from a queue of `server`; undefined for a topic's. */
export function maySpeakFor(user: string | null, server: string | undefined, trust: Trust): boolean {
  // An agent takes its own host's messages, and could command that host anyway.
  return isTrusted(user, trust) || (user !== null && server !== undefined && user === agentUser(server));
}

/**
 * Refuses a request that its sender may not make. `request` has passed its schema.
 *
 * @throws {DroverError} `forbidden`; the message says which user and which rule.
 */
export function admit(
  contract: CallContract<unknown, unknown> | CastContract<unknown>,
  request: unknown,
  sender: Sender,
  trust: Trust,
): void {
  if (allows(contract, request, sender, trust)) return;
  const { method, access } = contract;
  throw new DroverError("forbidden", `${method} is not taken from ${whoIs(sender)}: ${RULES[access]}`, {
    details: { method, user: sender.user },
  });
}

function allows(
  contract: CallContract<unknown, unknown> | CastContract<unknown>,
  request: unknown,
  { user, throughExchange }: Sender,
  trust: Trust,
): boolean {
  if (contract.access === "read") return true;
  if (isTrusted(user, trust)) return true;
  switch (contract.access) {
    case "request":
      return user === null ? throughExchange : !user.startsWith(AGENT_USER);
    case "control-plane":
      return isControlPlane(user, trust);
    case "command":
      return false;
    case "report": {
      const host = contract.reporter?.(request);
      return user !== null && host !== undefined && user === agentUser(host);
    }
  }
}

const RULES = {
  read: "anybody may ask it",
  request: "agents may not ask for it, and other services must be vouched for or publish to the exchange",
  "control-plane": "only the control plane's own users may, `drover-<process>`",
  command: "only trusted users may, name them in `bus.trusted_users`",
  report: "only the agent of that host may, as the user `drover-agent.<host>`",
} as const;

function whoIs({ user }: Sender): string {
  return user === null ? "a sender that the broker does not vouch for" : `the broker's user ${user}`;
}
