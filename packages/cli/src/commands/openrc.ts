import { type Command, Option } from "commander";
import { type CommandHost, connectionOf } from "../command-context.ts";
import { CliError, EXIT } from "../exit-code.ts";

/** What OpenStack's clients read, and what makes them look elsewhere or fail: `admin_token` takes no project or domain. */
const IN_THE_WAY = [
  ...["OS_CLOUD", "OS_PROJECT_NAME", "OS_PROJECT_ID", "OS_TENANT_NAME", "OS_TENANT_ID", "OS_USER_DOMAIN_NAME"],
  ...["OS_USER_DOMAIN_ID", "OS_PROJECT_DOMAIN_NAME", "OS_PROJECT_DOMAIN_ID", "OS_CACERT"],
];

/** The newest version of Nova's API for which all of OpenStack's clients were tried with Drover. */
const COMPUTE_API_VERSION = "2.80";

interface Options {
  readonly cloudsYaml?: string | true;
  readonly url?: string;
  readonly token?: string;
  readonly cacert?: string;
}

export function addOpenrcCommand(program: Command, host: CommandHost): void {
  program
    .command("openrc")
    .description('what points stock OpenStack clients at this Drover, past any Keystone: eval "$(drover openrc)"')
    .addOption(new Option("--clouds-yaml [name]", "a clouds.yaml instead, with a cloud of that name").preset("drover"))
    .action(function (this: Command) {
      const { cloudsYaml, ...named } = this.optsWithGlobals<Options>();
      const { url, token, cacert } = connectionOf(named, host.io.env);
      if (token === undefined) {
        const remedy = "give one with --token or DROVER_TOKEN, or log in with `drover login URL`";
        throw new CliError(EXIT.usage, `there is no token for ${url}; ${remedy}`);
      }
      const endpoint = `${url.replace(/\/+$/, "")}/v2.1`;
      host.io.stdout.write(
        typeof cloudsYaml === "string"
          ? cloudsFile(cloudsYaml, endpoint, token, cacert)
          : shell(endpoint, token, cacert),
      );
      host.setExitCode(EXIT.ok);
    });
}

function shell(endpoint: string, token: string, cacert: string | undefined): string {
  const variables = {
    OS_AUTH_TYPE: "admin_token",
    OS_ENDPOINT: endpoint,
    OS_TOKEN: token,
    ...(cacert === undefined ? {} : { OS_CACERT: cacert }),
    OS_COMPUTE_API_VERSION: COMPUTE_API_VERSION,
    // nova insists on both and uses neither.
    NOVA_PROJECT_ID: "admin",
    NOVA_URL: endpoint,
  };
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}=${quoted(value)}`);
  return `unset ${IN_THE_WAY.join(" ")}\n${lines.join("\n")}\n`;
}

/** As one word of any POSIX shell, whatever is in it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** JSON's strings are YAML's, too. */
function cloudsFile(name: string, endpoint: string, token: string, cacert: string | undefined): string {
  return [
    "clouds:",
    `  ${JSON.stringify(name)}:`,
    "    auth_type: admin_token",
    "    auth:",
    `      endpoint: ${JSON.stringify(endpoint)}`,
    `      token: ${JSON.stringify(token)}`,
    ...(cacert === undefined ? [] : [`    cacert: ${JSON.stringify(cacert)}`]),
    // The first is the openstack command's, the second the SDK's.
    `    compute_api_version: "${COMPUTE_API_VERSION}"`,
    `    compute_default_microversion: "${COMPUTE_API_VERSION}"`,
    "",
  ].join("\n");
}
