import { Argument, type Command } from "commander";
import type { CommandHost } from "../command-context.ts";
import { CliError, EXIT } from "../exit-code.ts";
import { parkedTable } from "../format/parked-table.ts";
import { printable } from "../format/printable.ts";
import { parseLimit } from "../parse-limit.ts";
import { parseName } from "../parse-name.ts";
import { runCommand } from "../run-command.ts";

export function addBusCommands(program: Command, host: CommandHost): void {
  const group = program.command("bus").description("the message bus");
  addUsersCommand(group, host);
  const parked = group
    .command("parked")
    .description("messages that a server gave up on, the oldest first, and why")
    .option("--limit <n>", "at most so many, 1 to 1000 (default: 100)", parseLimit)
    .action(
      runCommand<{ limit: number }>(host, async (context, _argument, filter) => {
        const found = await context.client().parked(filter);
        context.answer(found, (list) => parkedTable(list.parked, context.io.clock.now()));
        return EXIT.ok;
      }),
    );
  parked
    .command("send-again")
    .description("send it to its queue again, as new: once what it failed on is mended")
    .argument("<id>", "the message's id", parseName)
    .action(
      runCommand(host, async (context, id) => {
        const sent = await context.client().sendParkedAgain(id);
        context.answer(sent, () => `${printable(id)} was sent to its queue again\n`);
        return EXIT.ok;
      }),
    );
  parked
    .command("discard")
    .description("throw it away")
    .argument("<id>", "the message's id", parseName)
    .action(
      runCommand(host, async (context, id) => {
        const discarded = await context.client().discardParked(id);
        context.answer(discarded, () => `${printable(id)} was thrown away\n`);
        return EXIT.ok;
      }),
    );
}

/** Asks nobody: the rights follow from what each service says and listens to. */
function addUsersCommand(group: Command, host: CommandHost): void {
  group
    .command("users")
    .description("how to set up a user for each service and each host's agent, with no more rights than it needs")
    .addArgument(new Argument("<broker>", "which broker").choices(["rabbitmq", "nats"]))
    .argument("[hosts...]", "the hosts' names, as in [compute] host")
    .option("--client <name...>", "other services that call Drover", [])
    .option("--vhost <name>", "RabbitMQ's virtual host", "/")
    .action(
      async (
        broker: string,
        hosts: readonly string[],
        { client, vhost }: { client: readonly string[]; vhost: string },
      ) => {
        // The brokers' libraries are loaded for this command alone: every other is quicker without.
        const { natsUsers, rabbitMqUsers } = await import("../format/broker-users.ts");
        const of = { hosts: hosts.map(parseUserPart), clients: client.map(parseUserPart) };
        host.io.stdout.write(broker === "nats" ? natsUsers(of) : rabbitMqUsers(of, vhost));
        host.setExitCode(EXIT.ok);
      },
    );
}

/** @throws {CliError} for what no host and no broker's user may be called. */
function parseUserPart(text: string): string {
  if (/^[A-Za-z0-9._-]{1,255}$/.test(text)) return text;
  throw new CliError(
    EXIT.usage,
    `${JSON.stringify(text)} is no name: letters, digits, dots, dashes and underscores only`,
  );
}
