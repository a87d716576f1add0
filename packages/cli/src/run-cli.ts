import { Command, CommanderError } from "commander";
import { type CliIo, wantsColor } from "./cli-io.ts";
import type { CommandHost } from "./command-context.ts";
import { addAggregateCommands } from "./commands/aggregate.ts";
import { addAuditCommand } from "./commands/audit.ts";
import { addBusCommands } from "./commands/bus.ts";
import { addCompletionCommand } from "./commands/completion.ts";
import { addContextCommands } from "./commands/context.ts";
import { addEventsCommand } from "./commands/events.ts";
import { addHostCommands } from "./commands/host.ts";
import { addInitCommand } from "./commands/init.ts";
import { addLoginCommand } from "./commands/login.ts";
import { addMigrationCommands } from "./commands/migration.ts";
import { addOpenrcCommand } from "./commands/openrc.ts";
import { addServerCommands } from "./commands/server.ts";
import { addServerGroupCommands } from "./commands/server-group.ts";
import { addTokenCommands } from "./commands/token.ts";
import { addUpCommand } from "./commands/up.ts";
import { addWebhookCommands } from "./commands/webhook.ts";
import { errorJson, errorLine } from "./error-line.ts";
import { EXIT, EXIT_CODE_HELP, exitCodeOfError } from "./exit-code.ts";
import { documentText, type OutputOptions, outputOptions } from "./output-format.ts";
import { ownVersion } from "./own-version.ts";

const ENVIRONMENT_HELP = `Environment:
  DROVER_URL       where Drover's API listens, when --url is not given
  DROVER_TOKEN     the token to send, when --token is not given
                   Without them, those of the context in use (\`drover login\`, \`drover context\`), kept in
                   XDG_CONFIG_HOME (default: ~/.config); without that the Drover on this machine, with the token in
                   DROVER_DATA_DIR (default: ~/.local/share/drover), where \`drover up\` has left it
  DROVER_CACERT    PEM file of the authority that signed Drover's certificate, when --cacert is not given
  NO_COLOR         no colours, when set to anything`;

/**
 * Runs one invocation of `drover`; `argv` holds the arguments alone. Resolves with the exit code (`EXIT`), never
 * rejects: errors are told on stderr in one line, and for programs on stdout too, in the shape of /v1.
 */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  let exitCode: number = EXIT.ok;
  const program = buildProgram({
    io,
    setExitCode: (code) => {
      exitCode = code;
    },
  });
  try {
    await program.parseAsync(argv, { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const { output = "table" } = program.opts<OutputOptions>();
    if (output !== "table") io.stdout.write(documentText(output, errorJson(error)));
    io.stderr.write(`${errorLine(error)}\n`);
    return exitCodeOfError(error);
  }
}

function buildProgram(host: CommandHost): Command {
  const { io } = host;
  const program = new Command("drover")
    .description("Moves running virtual machines between libvirt hosts, and keeps you in control while it does.")
    .version(ownVersion(), "--version", "print the version of this command")
    .option(
      "--url <url>",
      "where Drover's API listens (default: $DROVER_URL, the context in use, or http://127.0.0.1:8774)",
    )
    .option(
      "--token <token>",
      "the token to send (default: $DROVER_TOKEN, which other users of this machine cannot see)",
    )
    .option(
      "--cacert <path>",
      "PEM file of the authority that signed Drover's certificate (default: $DROVER_CACERT, or the context's)",
    )
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      getOutHasColors: () => wantsColor(io),
      getErrHasColors: () => false,
      outputError: (text, write) => write(`${usageLine(text)}\n`),
    })
    .exitOverride()
    .addHelpText("after", `\n${ENVIRONMENT_HELP}\n\n${EXIT_CODE_HELP}`);
  for (const option of outputOptions()) program.addOption(option);
  addUpCommand(program, host);
  addInitCommand(program, host);
  addHostCommands(program, host);
  addServerCommands(program, host);
  addMigrationCommands(program, host);
  addEventsCommand(program, host);
  addServerGroupCommands(program, host);
  addAggregateCommands(program, host);
  addWebhookCommands(program, host);
  addBusCommands(program, host);
  addTokenCommands(program, host);
  addAuditCommand(program, host);
  addOpenrcCommand(program, host);
  addLoginCommand(program, host);
  addContextCommands(program, host);
  addCompletionCommand(program, host);
  return program;
}

/** Commander's complaint in our form: one line, with the way out. */
function usageLine(text: string): string {
  const complaint = text
    .replace(/^error: /, "")
    .trim()
    .replace(/\.$/, "")
    .replaceAll(/\s*\n\s*/g, " ");
  return `drover: ${complaint}; see drover --help`;
}
