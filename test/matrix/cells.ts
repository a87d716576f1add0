/** What a migration is tried with: storage, what the guest brings, and what happens to it under way. */

export const BOOTS = ["local qcow2", "iSCSI volume", "NBD volume", "RBD volume"] as const;
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

/** Every cell that can be; those with the same disks follow each other, so that one guest serves them. */
export function allCells(): readonly Cell[] {
  return BOOTS.flatMap((boot) =>
    VARIANTS.flatMap((variant) => OPERATIONS.map((operation) => ({ boot, variant, operation }))),
  ).filter((cell) => impossible(cell) === undefined);
}

/** Two things that have to go well together, where each alone says little. */
export type Pair = Partial<Cell>;

/** The pairs in which something is half made, on both hosts, or has to be as it was. */
export const DANGEROUS_PAIRS: readonly Pair[] = [
  // Copied disks: each way in which the copy does not simply end.
  { boot: "local qcow2", operation: "force by pause" },
  { boot: "local qcow2", operation: "force by post-copy" },
  { boot: "local qcow2", operation: "abort" },
  { boot: "local qcow2", operation: "destination dies" },
  { boot: "local qcow2", operation: "source agent dies" },
  // Several copies, of which none may stay.
  { variant: "swap and ephemeral", operation: "destination dies" },
  // A file that was brought before, and has to be taken back.
  { variant: "config drive", operation: "abort" },
  // A volume that both hosts have open while nobody looks.
  { variant: "attached volume", operation: "source agent dies" },
  { boot: "RBD volume", operation: "destination dies" },
  // It has to stand still again on the host on which it did.
  { variant: "paused", operation: "abort" },
];

/** The fixed set that `npm test` runs: every row, every column and every dangerous pair. One guest serves a variant. */
export const SAMPLE: readonly Cell[] = [
  { boot: "local qcow2", variant: "swap and ephemeral", operation: "destination dies" },
  { boot: "local qcow2", variant: "swap and ephemeral", operation: "force by pause" },
  { boot: "local qcow2", variant: "swap and ephemeral", operation: "source agent dies" },
  { boot: "local qcow2", variant: "config drive", operation: "abort" },
  { boot: "local qcow2", variant: "config drive", operation: "force by post-copy" },
  { boot: "iSCSI volume", variant: "attached volume", operation: "source agent dies" },
  { boot: "NBD volume", variant: "paused", operation: "abort" },
  { boot: "NBD volume", variant: "paused", operation: "complete" },
  { boot: "RBD volume", variant: "plain", operation: "destination dies" },
  { boot: "RBD volume", variant: "plain", operation: "force by post-copy" },
];
