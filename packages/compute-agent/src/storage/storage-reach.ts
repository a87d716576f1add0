import type { DiskToMove } from "@drover/model";
import type { Knock, Knocked } from "../network/knock.ts";

/**
 * The network disks of a guest whose servers this host does not reach, each as a sentence. One server that answers is enough:
 * what has several (Ceph's monitors, Gluster's bricks) is served by any.
 */
export async function storageNotReached(disks: readonly DiskToMove[], knock: Knock): Promise<readonly string[]> {
  const tried = await Promise.all(
    disks.map(async ({ target, servers = [] }) => {
      const answers = await Promise.all(
        servers.map(async ({ address, port }) => ({ address, port, knocked: await knock(address, port) })),
      );
      if (answers.length === 0 || answers.some(({ knocked }) => knocked.kind === "open")) return [];
      const said = answers.map(({ address, port, knocked }) => `${address}:${port} ${words(knocked)}`).join(", ");
      return [`${target}: of the ${answers.length} servers of its storage none answers (${said})`];
    }),
  );
  return tried.flat();
}

function words(knocked: Knocked): string {
  switch (knocked.kind) {
    case "open":
      return "answers";
    case "closed":
      return "refuses the connection";
    case "silent":
      return `gave no answer in ${knocked.ms} ms`;
    case "unreachable":
      return knocked.problem;
  }
}
