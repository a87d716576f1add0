import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** A process that says a line of JSON when it is ready, and answers each line of JSON with one. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #name: string;

  private constructor(command: readonly string[]) {
    const [file = "", ...args] = command;
    // Without the last argument, the broker's address with its password.
    this.#name = command.slice(1, -1).join(" ");
    this.#child = spawn(file, args, { stdio: ["pipe", "pipe", "inherit"] });
    const { stdout } = this.#child;
    if (stdout === null) throw new Error(`${this.#name} has no standard output`);
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  /** Resolves when it says that it is ready. */
  static async start(command: readonly string[]): Promise<WorkerProcess> {
    const worker = new WorkerProcess(command);
    await worker.#read();
    return worker;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Its answer to a request, parsed. */
  async ask(request: object): Promise<unknown> {
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    return JSON.parse(await this.#read());
  }

  /** Closes its standard input, with which it ends, and waits for that. */
  async end(): Promise<void> {
    await this.#untilEnded(() => this.#child.stdin?.end());
  }

  /** As a crash would. */
  async kill9(): Promise<void> {
    await this.#untilEnded(() => this.#child.kill("SIGKILL"));
  }

  async #untilEnded(ask: () => void): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    ask();
    await ended;
  }

  async #read(): Promise<string> {
    const { done, value } = await this.#lines.next();
    if (done === true) throw new Error(`${this.#name} ended before it answered`);
    return value;
  }
}
