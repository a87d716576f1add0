import type { MigrationChangeView } from "@drover/api-client";
import { routeWords, stateWords } from "./migration-words.ts";
import { printable } from "./printable.ts";

/** `42  12:00:01  busy (migration 12): running, host-1 -> host-2: libvirt copies`. */
export function changeLine({ id, at, state, message, migration }: MigrationChangeView): string {
  const what = `${migration.server.name} (migration ${migration.id}): ${stateWords(state)}, ${routeWords(migration)}`;
  return printable(`${id}  ${at.slice(11, 19)}  ${what}${message === "" ? "" : `: ${message}`}`);
}
