import { Argument, type Command } from "commander";
import type { CommandHost } from "../command-context.ts";
import { commandWords } from "../completion/command-words.ts";
import { type Shell, shellScripts } from "../completion/shell-scripts.ts";
import { EXIT } from "../exit-code.ts";

export function addCompletionCommand(program: Command, host: CommandHost): void {
  program
    .command("completion")
    .description("print what makes your shell complete drover's commands and options")
    .addArgument(new Argument("<shell>", "which shell").choices(Object.keys(shellScripts)))
    .addHelpText("after", "\nFor example, in ~/.bashrc:  source <(drover completion bash)")
    .action((shell: Shell) => {
      host.io.stdout.write(shellScripts[shell](commandWords(program)));
      host.setExitCode(EXIT.ok);
    });
}
