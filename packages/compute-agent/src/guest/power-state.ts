import type { PowerState } from "@drover/model";

// virDomainState, by number.
const POWER_STATES: readonly PowerState[] = [
  "nostate",
  "running",
  "blocked",
  "paused",
  "shutdown",
  "shutoff",
  "crashed",
  "pmsuspended",
];

/** libvirt's number as a word; a newer libvirt's unknown number is `nostate`. */
export function powerStateOf(state: number): PowerState {
  return POWER_STATES[state] ?? "nostate";
}
