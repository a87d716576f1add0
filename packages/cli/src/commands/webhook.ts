import { MIGRATION_STATES } from "@drover/model";
import { type Command, Option } from "commander";
import type { CommandHost } from "../command-context.ts";
import { EXIT } from "../exit-code.ts";
import { printable } from "../format/printable.ts";
import { webhookTable } from "../format/webhook-table.ts";
import { parseName } from "../parse-name.ts";
import { runCommand } from "../run-command.ts";

interface CreateOptions {
  readonly state: readonly (typeof MIGRATION_STATES)[number][];
}

/** Addresses that are told of changes of migrations. */
export function addWebhookCommands(program: Command, host: CommandHost): void {
  const group = program.command("webhook").description("addresses that are told of changes of migrations");
  group
    .command("list")
    .description("the webhooks, and how each is getting on")
    .action(
      runCommand(host, async (context) => {
        const list = await context.client().webhooks();
        context.answer(list, ({ webhooks }) => webhookTable(webhooks, context.io.clock.now()));
        return EXIT.ok;
      }),
    );
  group
    .command("create")
    .description("tell an address of all changes from now on; shows the secret that signs them, once")
    .argument("<url>", "where each change is sent, by POST", parseName)
    .addOption(
      new Option("--state <state...>", "only changes that led to one of these, e.g. completed failed error").choices(
        MIGRATION_STATES,
      ),
    )
    .action(
      runCommand<CreateOptions>(host, async (context, url, { state = [] }) => {
        const made = await context.client().createWebhook({ url, states: [...state] });
        context.answer(made, ({ webhook, secret }) =>
          printable(`webhook ${webhook.id} was made; its secret, which is not shown again: ${secret}`).concat("\n"),
        );
        return EXIT.ok;
      }),
    );
  for (const enabled of [true, false]) {
    group
      .command(enabled ? "enable" : "disable")
      .description(enabled ? "switch it on; it is told what it has missed" : "switch it off, until it is switched on")
      .argument("<webhook>", "its id", parseName)
      .action(
        runCommand(host, async (context, id) => {
          const after = await context.client().updateWebhook(id, { enabled });
          context.answer(after, ({ webhook }) => webhookTable([webhook], context.io.clock.now()));
          return EXIT.ok;
        }),
      );
  }
  group
    .command("delete")
    .description("delete it")
    .argument("<webhook>", "its id", parseName)
    .action(
      runCommand(host, async (context, id) => {
        const after = await context.client().deleteWebhook(id);
        context.answer(after, ({ deleted }) => `webhook ${printable(deleted)} was deleted\n`);
        return EXIT.ok;
      }),
    );
  group
    .command("test")
    .description("send it an event `test`; ends with 1 when that was not taken")
    .argument("<webhook>", "its id", parseName)
    .action(
      runCommand(host, async (context, id) => {
        const tested = await context.client().testWebhook(id);
        context.answer(tested, ({ delivered, problem, tookMs }) => {
          const said = delivered
            ? `it was taken after ${tookMs} ms`
            : `it was not taken: ${problem ?? "no reason given"}`;
          return `${printable(said)}\n`;
        });
        return tested.delivered ? EXIT.ok : EXIT.error;
      }),
    );
}
