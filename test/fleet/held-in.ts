import { readFile } from "node:fs/promises";

/** The part of an agent's state file that says what it holds. */
interface StateFile {
  readonly prepared: readonly { readonly migrationUuid: string }[];
  readonly migrations: readonly {
    readonly migrationUuid: string;
    readonly ended: { readonly acknowledged: boolean } | null;
  }[];
}

/** What an agent has in its state file of migrations that are not over for it, in words. */
export async function heldIn(stateFile: string): Promise<readonly string[]> {
  const text = await readFile(stateFile, "utf8").catch(() => `{"prepared":[],"migrations":[]}`);
  const { prepared, migrations }: StateFile = JSON.parse(text);
  return [
    ...prepared.map(({ migrationUuid }) => `a preparation for ${migrationUuid}`),
    ...migrations
      .filter(({ ended }) => ended?.acknowledged !== true)
      .map(({ migrationUuid, ended }) => `${migrationUuid}, ${ended === null ? "under way" : "not acknowledged"}`),
  ];
}
