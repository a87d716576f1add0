/** What a migration is tried with: storage, what the guest brings, and what happens to it under way. */

export const BOOTS = ["local qcow2", "iSCSI volume", "NBD volume"] as const;
export type Boot = (typeof BOOTS)[number];

export const VARIANTS = ["plain", "swap and ephemeral", "config drive", "attached volume", "paused"] as const;
export type Variant = (typeof VARIANTS)[number];

export const OPERATIONS = [
  "complete",
  "force by pause",
  "force by post-copy",
  "abort",
  "destination dies",
  "source agent dies",
] as const;
export type Operation = (typeof OPERATIONS)[number];

export interface Cell {
  readonly boot: Boot;
  readonly variant: Variant;
  readonly operation: Operation;
}

/** A cell's name in options, results and file names: "local-qcow2/plain/complete". */
export function cellName({ boot, variant, operation }: Cell): string {
  return [boot, variant, operation].map((part) => part.replaceAll(" ", "-")).join("/");
}

/** Why there is no such migration; undefined where there is. */
export function impossible({ variant, operation }: Cell): string | undefined {
  if (variant === "paused" && operation === "force by post-copy") return "libvirt refuses post-copy for a paused guest";
  if (variant === "paused" && operation === "force by pause") {
    return "a paused guest writes nothing: its copy ends by itself, and suspending it changes nothing";
  }
  return undefined;
}

export function allCells(): readonly Cell[] {
  return BOOTS.flatMap((boot) =>
    VARIANTS.flatMap((variant) => OPERATIONS.map((operation) => ({ boot, variant, operation }))),
  ).filter((cell) => impossible(cell) === undefined);
}

/**
 * The fixed set that `npm test` runs: every row and every column, and the pairs that are dangerous: copied disks with each
 * way in which a copy does not simply end, and a config drive that has to be taken back.
 */
export const SAMPLE: readonly Cell[] = [
  { boot: "local qcow2", variant: "swap and ephemeral", operation: "complete" },
  { boot: "local qcow2", variant: "plain", operation: "force by post-copy" },
  { boot: "local qcow2", variant: "config drive", operation: "destination dies" },
  { boot: "local qcow2", variant: "attached volume", operation: "source agent dies" },
  { boot: "iSCSI volume", variant: "config drive", operation: "complete" },
  { boot: "iSCSI volume", variant: "plain", operation: "force by pause" },
  { boot: "NBD volume", variant: "paused", operation: "complete" },
  { boot: "NBD volume", variant: "config drive", operation: "abort" },
];
