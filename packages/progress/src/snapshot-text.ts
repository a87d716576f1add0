import type { MigrationProgress } from "@drover/model";

/** Reads a snapshot that an agent wrote; `undefined` for what is none, which a reader of a shared cache may meet. */
export function snapshotFromText(text: string): MigrationProgress | undefined {
  return snapshotsFromText(`[${text}]`)[0];
}

/** Reads an array of snapshots, leaving out what is none. */
export function snapshotsFromText(text: string): readonly MigrationProgress[] {
  try {
    const values: unknown = JSON.parse(text);
    return Array.isArray(values) ? values.filter(isSnapshot) : [];
  } catch {
    return [];
  }
}

function isSnapshot(value: unknown): value is MigrationProgress {
  if (typeof value !== "object" || value === null) return false;
  return (
    "migrationUuid" in value &&
    typeof value.migrationUuid === "string" &&
    "sequence" in value &&
    typeof value.sequence === "number"
  );
}
