import { foldersOfGroup, leftoversOf, stopGroup } from "../process/owned-folder.ts";
import { endProcess } from "../process/process-identity.ts";
import { TestkitError } from "../testkit-error.ts";
import { type LabPlace, readLabState, removeLabState } from "./lab-state.ts";

/**
 * Stops everything of a checkout's lab and removes what it left, complete or not. Drover's processes are asked first,
 * everything else is killed.
 *
 * @returns false if there was nothing.
 * @throws {TestkitError} if something is left.
 */
export async function labDown(place: LabPlace): Promise<boolean> {
  const state = await readLabState(place);
  const folders = [...new Set([...foldersOfGroup(place.group), ...(state?.folders ?? [])])];
  if (state === undefined && folders.length === 0) return false;
  const inOrder = (state?.processes ?? []).filter((process) => process.endsInOrder);
  await Promise.all(inOrder.map(({ identity }) => endProcess(identity, { graceMs: 15_000 })));
  await stopGroup(place.group);
  const leftovers = folders.flatMap((folder) => leftoversOf(folder));
  if (leftovers.length > 0) throw new TestkitError(`the lab left something behind:\n${leftovers.join("\n")}`);
  await removeLabState(place);
  return true;
}
