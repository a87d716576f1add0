import { connect } from "node:net";

/** What a TCP connection to an address came to. */
export type Knocked =
  /** Something listens. */
  | { readonly kind: "open"; readonly ms: number }
  /** The host answers, and nothing listens. */
  | { readonly kind: "closed"; readonly ms: number }
  /** Nothing came back: it is filtered on the way, or the host is away. */
  | { readonly kind: "silent"; readonly ms: number }
  /** There is no way to it: the end of a sentence. */
  | { readonly kind: "unreachable"; readonly problem: string };

/** Tries one TCP connection and gives it up at once. Never rejects. */
export type Knock = (address: string, port: number) => Promise<Knocked>;

/** A network that needs longer for one round trip carries no live migration, ms. */
const PATIENCE_MS = 3_000;

export const knockByMachine: Knock = (address, port) => {
  const began = performance.now();
  const ms = () => Math.round(performance.now() - began);
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const late = setTimeout(() => settle({ kind: "silent", ms: ms() }), PATIENCE_MS);
    function settle(knocked: Knocked): void {
      clearTimeout(late);
      socket.destroy();
      resolve(knocked);
    }
    socket.once("connect", () => settle({ kind: "open", ms: ms() }));
    socket.once("error", (error: NodeJS.ErrnoException) => settle(knockedBy(error, ms())));
  });
};

/** For hosts that are simulated: their links are inside the simulator, and lead everywhere. */
export const noKnock: Knock = async () => ({ kind: "open", ms: 0 });

function knockedBy(error: NodeJS.ErrnoException, ms: number): Knocked {
  if (error.code === "ECONNREFUSED") return { kind: "closed", ms };
  if (error.code === "ETIMEDOUT") return { kind: "silent", ms };
  return { kind: "unreachable", problem: networkProblem(error) };
}

/** What the network said, as the end of a sentence. */
export function networkProblem(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ECONNREFUSED") return "the connection was refused: nothing listens there";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "the name is not known";
  if (code === "EHOSTUNREACH" || code === "ENETUNREACH") return `there is no route to it (${code})`;
  if (code === "ECONNRESET") return "the connection was cut";
  return error instanceof Error ? error.message : String(error);
}
