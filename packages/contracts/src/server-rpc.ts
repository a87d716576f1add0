/** What an operator asks of a server beside moving it. */
import { defineCall } from "@drover/bus";
import { z } from "zod";
import { conductorTopic } from "./conductor-topic.ts";
import { asAdmin, uuid } from "./schemas.ts";
import { serverView } from "./views.ts";

const requestedBy = z.string().describe("Who asks, for the log.");
const noSuchServer = "No such server.";

const power = {
  ...conductorTopic,
  access: "request",
  deadlineMs: 15_000,
  idempotent: true,
  errors: {
    "not-found": noSuchServer,
    refused: "Locked, in a migration, running on two hosts, not in the state that it needs, or its host is down.",
    libvirt: "libvirtd on its host said no.",
  },
  request: z.strictObject({ serverUuid: uuid, asAdmin, requestedBy }),
  response: z.object({ server: serverView }),
} as const;

export const pauseServer = defineCall({
  ...power,
  method: "pause_server",
  description: "Stops a server's processors; its memory stays where it is. Answers once it stands still.",
});

export const unpauseServer = defineCall({
  ...power,
  method: "unpause_server",
  description:
    "Lets a paused server run again. One that a migration left standing still is refused: another copy of it may run.",
});

export const resetServerState = defineCall({
  ...conductorTopic,
  access: "request",
  deadlineMs: 15_000,
  idempotent: true,
  method: "reset_server_state",
  description:
    "For a server whose migration ended in doubt: asks both hosts now what they run, and decides the record from their answers, " +
    "as the reconciler does by itself every few seconds. No state is written that libvirt does not report.",
  errors: {
    "not-found": noSuchServer,
    refused: "It is not in that state, and what to do about it; or its migration is under way as it should.",
  },
  request: z.strictObject({
    serverUuid: uuid,
    state: z.enum(["active", "error"]).describe("Nova's words; the state that the server is to be shown in."),
    requestedBy,
  }),
  response: z.object({ server: serverView }),
});
