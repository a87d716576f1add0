/** The reliability matrix: which part dies in which state of a migration. */

export const PARTS = [
  "source agent",
  "destination agent",
  "both agents",
  "conductor",
  "scheduler",
  "api",
  "broker",
  "redis",
  "database",
  "source libvirtd",
  "destination libvirtd",
  "destination QEMU",
  "network host to host",
  "network to the control plane",
] as const;

export type Part = (typeof PARTS)[number];

export const STATES = [
  "queued",
  "preparing",
  "running",
  "post-copy",
  "switching over",
  "post-migrating",
  "rolling back",
] as const;

export type State = (typeof STATES)[number];

export interface Cell {
  readonly part: Part;
  readonly state: State;
}

/** `source-agent@running`: what a cell is called on the command line and in results. */
export function cellName({ part, state }: Cell): string {
  return `${part}@${state}`.replaceAll(" ", "-");
}

/** Why a part cannot die in a state; undefined where it can. */
export function impossible({ part, state }: Cell): string | undefined {
  if (part !== "destination QEMU") return undefined;
  switch (state) {
    case "queued":
    case "preparing":
      return "the destination's QEMU starts when libvirt begins to copy: the record is `running` then";
    case "rolling back":
      return "libvirt has ended the destination's QEMU before it says that the copy ended";
    default:
      return undefined;
  }
}

/**
 * A guest that no control plane can save: half of its memory was in a QEMU that is dead. The truth is then that nobody
 * runs it and a person must act, and what stands still on the source is left for them.
 */
export function losesTheGuest({ part, state }: Cell): boolean {
  return part === "destination QEMU" && (state === "post-copy" || state === "post-migrating");
}

/** Every cell that can exist, a state at a time: cells of one state share what it takes to be in it. */
export function allCells(): readonly Cell[] {
  return STATES.flatMap((state) => PARTS.map((part) => ({ part, state }))).filter(
    (cell) => impossible(cell) === undefined,
  );
}

/**
 * The fixed sample that `npm test` runs: each state, each part where its death matters most. The broker's death under a
 * copy, with requests under way, is in test/lab.
 */
export const SAMPLE: readonly Cell[] = [
  { part: "conductor", state: "queued" },
  { part: "destination agent", state: "preparing" },
  { part: "both agents", state: "running" },
  { part: "redis", state: "running" },
  { part: "destination QEMU", state: "running" },
  { part: "network to the control plane", state: "running" },
  { part: "network host to host", state: "post-copy" },
  { part: "destination libvirtd", state: "post-copy" },
  { part: "source libvirtd", state: "switching over" },
  { part: "database", state: "post-migrating" },
  { part: "conductor", state: "rolling back" },
];
