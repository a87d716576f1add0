import type { Command } from "commander";
import { type CommandContext, type CommandHost, commandContext } from "./command-context.ts";

/**
 * A commander action around a command's work: builds the context, passes the command's argument ("" where it has none), its
 * own options and a second argument where it has one, and keeps the exit code. Errors pass through to `runCli`.
 */
export function runCommand<Options extends object = object>(
  host: CommandHost,
  work: (context: CommandContext, argument: string, options: Partial<Options>, second: unknown) => Promise<number>,
): (this: Command) => Promise<void> {
  return async function (this: Command) {
    const [argument = "", second]: unknown[] = this.processedArgs;
    const options = this.opts<Partial<Options>>();
    host.setExitCode(await work(commandContext(host.io, this), String(argument), options, second));
  };
}
