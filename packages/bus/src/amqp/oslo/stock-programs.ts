import { fileURLToPath } from "node:url";
import { type PythonProgram, startPython } from "@drover/testkit";

/** What one call or cast of the stock client came to. */
interface StockOutcome {
  readonly returned?: unknown;
  /** Name of the exception's class. */
  readonly raised?: string;
  /** Of a RemoteError: the class that the server named. */
  readonly excType?: string | null;
  /** Of a RemoteError: the message that the server gave. */
  readonly value?: string | null;
  /** The exception as Python prints it. */
  readonly text?: string;
  readonly seconds: number;
}

export interface StockRequest {
  readonly kind: "call" | "cast";
  readonly topic: string;
  readonly method: string;
  readonly args?: Readonly<Record<string, unknown>>;
  readonly context?: Readonly<Record<string, unknown>>;
  /** For `RPCClient.prepare()`. */
  readonly prepare?: {
    readonly server?: string;
    readonly fanout?: boolean;
    readonly version?: string;
    readonly namespace?: string;
    readonly version_cap?: string;
    /** Seconds. */
    readonly timeout?: number;
    /** Seconds. */
    readonly call_monitor_timeout?: number;
  };
  /** Modules whose exceptions the client builds again. @default none */
  readonly allow?: readonly string[];
}

/** A stock Python client. It does one thing at a time: a second request waits for the first. */
export interface StockClient {
  readonly program: PythonProgram;
  ask(request: StockRequest): Promise<StockOutcome>;
}

/** Longer than any call of a test that does not say how long it takes. */
const ANSWER_DEADLINE_MS = 30_000;
/** Python needs a second for its imports, more when others run beside it. */
const START_DEADLINE_MS = 60_000;

/** Python's rabbit:// address of a broker. */
function transportUrl(brokerUrl: string): string {
  return `${brokerUrl.replace(/^amqp:/, "rabbit:")}/`;
}

async function startProgram(file: string, args: readonly string[]): Promise<PythonProgram> {
  const program = await startPython({ script: fileURLToPath(new URL(file, import.meta.url)), args });
  const line = await program.nextLine({ deadlineMs: START_DEADLINE_MS });
  if (line !== "ready") throw new Error(`${file} said ${line}`);
  return program;
}

export async function startStockClient(brokerUrl: string, controlExchange: string): Promise<StockClient> {
  const program = await startProgram("stock-client.py", [transportUrl(brokerUrl), controlExchange]);
  return {
    program,
    ask: async ({ args = {}, context = {}, prepare = {}, allow = [], ...request }) => {
      program.writeLine(JSON.stringify({ ...request, args, context, prepare, allow }));
      return JSON.parse(await program.nextLine({ deadlineMs: ANSWER_DEADLINE_MS + (prepare.timeout ?? 0) * 1_000 }));
    },
  };
}

export function startStockServer(
  brokerUrl: string,
  controlExchange: string,
  topic: string,
  server: string,
): Promise<PythonProgram> {
  return startProgram("stock-server.py", [transportUrl(brokerUrl), controlExchange, topic, server]);
}
