import { agentUser } from "./sender.ts";

/** Topics that agents serve, and those that the control plane does. */
export const AGENT_TOPICS = ["compute", "compute-control"] as const;
export const CONTROL_PLANE_TOPICS = ["conductor", "scheduler"] as const;

/** Whose credentials at a broker they are. */
export type BrokerRole =
  /** The agent of one host. */
  | { readonly role: "agent"; readonly host: string }
  /** A process of the control plane: conductor, scheduler or API. */
  | { readonly role: "control-plane"; readonly name: string }
  /** Another service, which reads and asks for migrations. */
  | { readonly role: "client"; readonly name: string };

/** The same names at every broker: an agent's `bus.trusted_users` need not know which one it is. */
export function userOf(role: BrokerRole): string {
  switch (role.role) {
    case "agent":
      return agentUser(role.host);
    case "control-plane":
      return `drover-${role.name}`;
    case "client":
      return `drover-client.${role.name}`;
  }
}
