import { openDrover } from "@drover/api-client";
import { isLoopback } from "@drover/service-kit/network-list";
import { type Command, InvalidArgumentError } from "commander";
import type { CliIo } from "../cli-io.ts";
import { type CommandContext, type CommandHost, namedCaFile } from "../command-context.ts";
import { type Context, keepContext } from "../context/contexts.ts";
import { CliError, EXIT } from "../exit-code.ts";
import { localAdminToken } from "../local-admin-token.ts";
import { parseName } from "../parse-name.ts";
import { runCommand } from "../run-command.ts";
import { trustCaFile } from "../trust-ca-file.ts";

interface LoginOptions {
  name?: string;
  insecure?: true;
}

export function addLoginCommand(program: Command, host: CommandHost): void {
  program
    .command("login")
    .description("keep where a Drover is and a token for it, and use it from now on; asks for the token")
    .argument("<url>", "where its API listens, e.g. https://drover.example:8774", parseUrl)
    .option("--name <name>", "the context's name (default: the host in the URL)", parseName)
    .option("--insecure", "send the token over a network in the clear, where the URL begins with http://")
    .action(async function (this: Command, ...args: unknown[]) {
      const { token, ...named } = this.optsWithGlobals<{ token?: string; cacert?: string }>();
      const cacert = namedCaFile(named, host.io.env);
      const run = runCommand<LoginOptions>(host, async (context, url, { name, insecure }) => {
        if (insecure !== true) requireSafe(url);
        return login(context, { url, name: name ?? new URL(url).host, cacert }, token);
      });
      await run.apply(this, args as []);
    });
}

async function login(context: CommandContext, to: Context, option: string | undefined): Promise<number> {
  const { io } = context;
  trustCaFile(to.cacert);
  const local = localAdminToken(to.url, io.env);
  const given = option ?? (io.env.DROVER_TOKEN || undefined);
  const token = given ?? (local === undefined ? await askForToken(io, to.url) : undefined);
  // A token that is wrong is found out now, and not kept.
  await openDrover({ url: to.url, token: token ?? local ?? "" }).hosts();
  keepContext(io.env, { ...to, token });
  context.answer({ context: to.name, url: to.url }, () => `logged in to ${to.url} as context ${to.name}\n`);
  return EXIT.ok;
}

async function askForToken(io: CliIo, url: string): Promise<string> {
  const token = (await io.readSecret(`Token for ${url}: `)).trim();
  if (token !== "") return token;
  throw new CliError(
    EXIT.usage,
    "no token was given: name it with --token or DROVER_TOKEN, or type it; `drover token create` makes one",
  );
}

function requireSafe(url: string): void {
  const { protocol, hostname } = new URL(url);
  if (protocol === "https:" || isLoopback(hostname)) return;
  throw new CliError(
    EXIT.usage,
    `${url}: the token would go over the network in the clear; use https://, or say --insecure`,
  );
}

function parseUrl(text: string): string {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol)) return text.replace(/\/+$/, "");
  throw new InvalidArgumentError("It must be a URL that begins with http:// or https://.");
}
