import { DroverError } from "@drover/model";
import type { ParsedAddress } from "./redis-address.ts";

/**
 * Replies that tell of the server's state, not of our command: loading, failing over, out of memory, full, busy with a
 * script, moving keys to another node, or credentials that are being changed.
 */
const STATE_OF_SERVER =
  /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|MOVED|ASK|EXECABORT|TRYAGAIN|UNBLOCKED|OOM|MISCONF|NOREPLICAS|BUSY|NOAUTH|WRONGPASS|ERR max number of clients)/;

/** What a node of a cluster says to a client that takes it for a server of its own. */
const OF_A_CLUSTER = /^(MOVED|ASK) /;

/** What failed while `doing`; a broken connection, a missing answer and a server in trouble are all `unavailable`. */
export function redisFailure(
  doing: string,
  { label, cluster }: Pick<ParsedAddress, "label" | "cluster">,
  error: unknown,
): DroverError {
  const cause = withoutCommand(error);
  const isReply = error instanceof Error && error.name === "ReplyError";
  if (isReply && !cluster && OF_A_CLUSTER.test(error.message)) {
    return new DroverError("unavailable", `${doing}: Redis at ${label} is a cluster: set progress.cluster`, { cause });
  }
  const isBug = error instanceof TypeError || error instanceof SyntaxError || error instanceof RangeError;
  if (isBug || (isReply && !STATE_OF_SERVER.test(error.message))) {
    return new DroverError("internal", `${doing}: Redis at ${label} refused a command`, { cause });
  }
  return new DroverError("unavailable", `${doing}: Redis at ${label} is away`, { cause });
}

/** ioredis hangs the command on its errors, arguments and all: those of AUTH are a password. */
export function withoutCommand(error: unknown): Error {
  const bare = new Error(error instanceof Error ? error.message : String(error));
  if (error instanceof Error && error.stack !== undefined) bare.stack = error.stack;
  return bare;
}
