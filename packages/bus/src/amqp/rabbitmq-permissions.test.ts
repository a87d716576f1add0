import { expect, test } from "vitest";
import { rabbitMqPermissions } from "./rabbitmq-permissions.ts";

const id = "0123456789abcdef0123456789abcdef";
const matches = (pattern: string, names: readonly string[]) => names.filter((name) => new RegExp(pattern).test(name));

test("an agent is let to its own host's queues, and to no name that only looks like them", () => {
  const { user, configure, write, read, topic } = rabbitMqPermissions({ role: "agent", host: "a.example" });
  expect(user).toBe("drover-agent.a.example");
  const own = ["compute.a.example", "compute-control.a.example", `compute_fanout_a.example_${id}`];
  const replies = `reply_drover-agent.a.example_${id}`;
  const strange = [
    "compute.aXexample",
    "compute.b.example",
    "compute.a.example.b",
    `compute_fanout_b.example_${id}`,
    `reply_drover-agent.b.example_${id}`,
    `reply_${id}`,
    "conductor",
    "drover.parked",
    "x\ncompute.a.example",
  ];
  const all = [...own, replies, ...strange];
  expect(matches(configure, [...all, "compute", "drover"])).toEqual([...own, replies]);
  expect(matches(write, [...all, "compute", "drover", "amq.default", "amqXdefault"])).toEqual([...own, "amq.default"]);
  expect(matches(read, [...all, "compute", "drover"])).toEqual([...own, replies, "compute", "drover"]);
  expect(matches(topic?.read ?? "", ["compute", "compute.a.example", "conductor", "#", "compute.#"])).toEqual([
    "compute",
    "compute.a.example",
  ]);
});

test("the control plane reads no agent's queue, and other services no queue but their replies", () => {
  const conductor = rabbitMqPermissions({ role: "control-plane", name: "conductor" });
  expect(conductor.user).toBe("drover-conductor");
  const names = ["conductor", "conductor.one", "compute.hosta", "compute", "drover.parked", `reply_${id}`];
  expect(matches(conductor.read, names)).toEqual(["conductor", "conductor.one", "drover.parked"]);
  const client = rabbitMqPermissions({ role: "client", name: "billing" }, "nova");
  expect(matches(client.read, [...names, `reply_drover-client.billing_${id}`])).toEqual([
    `reply_${id}`,
    `reply_drover-client.billing_${id}`,
  ]);
  expect(matches(client.configure, [...names, "nova", "drover"])).toEqual([`reply_${id}`, "nova"]);
});
