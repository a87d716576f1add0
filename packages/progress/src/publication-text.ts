import type { AgedProgress, MigrationProgress } from "@drover/model";

/** A snapshot as it is published: its JSON, and how old it was then. */
interface AgedText {
  readonly text: string;
  readonly ageMs: number;
}

/** What a host publishes: `{"agesMs":[…],"snapshots":[…]}`, the ages in the order of the snapshots. */
export function publicationText(snapshots: readonly AgedText[]): string {
  const agesMs = snapshots.map(({ ageMs }) => ageMs).join();
  return `{"agesMs":[${agesMs}],"snapshots":[${snapshots.map(({ text }) => text).join()}]}`;
}

/** Reads it, leaving out what is no snapshot, which a reader of a shared cache may meet. */
export function publicationFromText(text: string): readonly AgedProgress[] {
  const { agesMs, snapshots } = partsOf(text);
  return snapshots.flatMap((snapshot, at) => {
    const ageMs = Number(agesMs[at]);
    return isSnapshot(snapshot) && ageMs >= 0 ? [{ snapshot, ageMs }] : [];
  });
}

function partsOf(text: string): { readonly agesMs: readonly unknown[]; readonly snapshots: readonly unknown[] } {
  const none = { agesMs: [], snapshots: [] };
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || !("agesMs" in value) || !("snapshots" in value)) return none;
    const { agesMs, snapshots } = value;
    return Array.isArray(agesMs) && Array.isArray(snapshots) ? { agesMs, snapshots } : none;
  } catch {
    return none;
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
