import { expect, test } from "vitest";
import { runCli } from "../run-cli.ts";
import { capturedIo } from "../testing/captured-io.ts";

async function users(...argv: string[]) {
  const io = capturedIo({});
  const code = await runCli(["bus", "users", ...argv], io);
  return { code, out: io.out(), err: io.err() };
}

test("commands for RabbitMQ: each service, each host's agent, each other service", async () => {
  const { code, out } = await users("rabbitmq", "east", "west.example", "--client", "billing", "--vhost", "it's");
  expect(code).toBe(0);
  const added = out.split("\n").flatMap((line) => /^rabbitmqctl add_user '(.+)'$/.exec(line)?.[1] ?? []);
  expect(added).toEqual([
    "drover-conductor",
    "drover-scheduler",
    "drover-api",
    "drover-agent.east",
    "drover-agent.west.example",
    "drover-client.billing",
  ]);
  // A name's dot is a dot in a regular expression, and a quote survives the shell.
  const rights = out.split("\n").find((line) => line.includes("set_permissions") && line.includes("west"));
  expect(rights).toContain(String.raw`west\.example`);
  expect(rights).toMatch(/^rabbitmqctl set_permissions -p 'it'\\''s' 'drover-agent\.west\.example' '\^/);
  expect(out).toMatch(/^rabbitmqctl set_topic_permissions -p .* 'drover-agent\.east' 'drover' /m);
});

test("an authorization block for NATS, in which each user publishes under its own name", async () => {
  const { code, out } = await users("nats", "east");
  expect(code).toBe(0);
  const block: { users: { user: string; permissions: { publish: { allow: string[] } } }[] } = JSON.parse(
    out.replace(/^authorization: /, ""),
  );
  const agent = block.users.find(({ user }) => user === "drover-agent.east");
  expect(agent?.permissions.publish.allow).toContain("drover.call.conductor.*.drover-agent=2Eeast");
  expect(block.users).toHaveLength(4);
});

test("a name that no broker's user may have is refused before anything is printed", async () => {
  const { code, out, err } = await users("rabbitmq", "east", "we st");
  expect(code).toBe(2);
  expect(out).toBe("");
  expect(err).toContain('"we st"');
});
