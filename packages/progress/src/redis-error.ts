import { DroverError } from "@drover/model";

/**
 * Replies that tell of the server's state, not of our command: loading, failing over, out of memory, full, busy with a
 * script, or credentials that are being changed.
 */
const STATE_OF_SERVER =
  /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|UNBLOCKED|OOM|MISCONF|NOREPLICAS|BUSY|NOAUTH|WRONGPASS|ERR max number of clients)/;

/** What failed while `doing`; a broken connection, a missing answer and a server in trouble are all `unavailable`. */
export function redisFailure(doing: string, label: string, error: unknown): DroverError {
  const cause = withoutCommand(error);
  const isReply = error instanceof Error && error.name === "ReplyError";
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
