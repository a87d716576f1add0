import { expect, test } from "vitest";
import { z } from "zod";
import { type Access, defineCall } from "./contract.ts";
import { admit, agentUser, maySpeakFor, type Sender } from "./sender.ts";

const trust = { ownUser: "drover-agent.hosta", trustedUsers: ["drover"] };

const contract = (access: Access) =>
  defineCall({
    topic: "t",
    method: "m",
    version: "1.0",
    deadlineMs: 1_000,
    idempotent: true,
    access,
    request: z.object({ host: z.string() }),
    response: z.null(),
    ...(access === "report" ? { reporter: ({ host }: { host: string }) => host } : {}),
  });

const vouched = (user: string): Sender => ({ user, throughExchange: false });
const senders = {
  "our own user": vouched(trust.ownUser),
  "a trusted user": vouched("drover"),
  "the API": vouched("drover-api"),
  "another service": vouched("billing"),
  "a client of Drover": vouched("drover-client.billing"),
  "the agent of hostb": vouched(agentUser("hostb")),
  "nobody known, to the exchange": { user: null, throughExchange: true },
  "nobody known, to the queue": { user: null, throughExchange: false },
} as const satisfies Record<string, Sender>;

const all = Object.keys(senders);
const trusted = ["our own user", "a trusted user"];
const admitted: Record<Access, readonly string[]> = {
  read: all,
  request: [...trusted, "the API", "another service", "a client of Drover", "nobody known, to the exchange"],
  "control-plane": [...trusted, "the API"],
  command: trusted,
  report: [...trusted, "the agent of hostb"],
};

for (const [access, names] of Object.entries(admitted)) {
  test(`a ${access} is taken from exactly ${names.join(", ")}`, () => {
    const taken = Object.entries(senders).filter(([, sender]) => {
      try {
        admit(contract(access as Access), { host: "hostb" }, sender, trust);
        return true;
      } catch (error) {
        expect(error).toMatchObject({ code: "forbidden", details: { method: "m", user: sender.user } });
        return false;
      }
    });
    expect(taken.map(([name]) => name)).toEqual(names);
  });
}

test("an agent reports on its own host alone, and a contract without a host on none", () => {
  const agent = vouched(agentUser("hostb"));
  expect(() => admit(contract("report"), { host: "hostc" }, agent, trust)).toThrow("drover-agent.<host>");
  const { reporter: _, ...hostless } = contract("report");
  expect(() => admit(hostless, { host: "hostb" }, agent, trust)).toThrow("drover-agent.<host>");
  expect(() => admit(hostless, { host: "" }, vouched(agentUser("")), trust)).toThrow("m is not taken");
});

test("a refusal names the user and the remedy", () => {
  const refusal = () => admit(contract("command"), {}, senders["another service"], trust);
  expect(refusal).toThrow("m is not taken from the broker's user billing");
  expect(refusal).toThrow("bus.trusted_users");
});

test("an agent is believed about what it took from its own host's queue, and about nothing else", () => {
  const believed = (user: string | null, server?: string) => maySpeakFor(user, server, trust);
  expect(believed(agentUser("hostb"), "hostb")).toBe(true);
  expect(believed(agentUser("hostb"), "hostc")).toBe(false);
  expect(believed(agentUser("hostb"))).toBe(false);
  expect(believed("drover")).toBe(true);
  expect(believed("billing", "hostb")).toBe(false);
  expect(believed(null, "hostb")).toBe(false);
});
