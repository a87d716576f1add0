/** Who asked for what: what the API tells of requests that reach no conductor, and what is shown of all. */
import { defineCast } from "@drover/bus";
import { z } from "zod";
import { conductorTopic } from "./conductor-topic.ts";

const text = z.string().max(4096).nullable();

export const recordAudit = defineCast({
  ...conductorTopic,
  method: "record_audit",
  access: "control-plane",
  description: "Records in the audit what the API answered by itself: refusals, and what became of parked messages.",
  request: z.strictObject({
    entryId: z.uuid().describe("Told again under the same, it is recorded once."),
    at: z.iso.datetime().describe("When it came to that, by the API's clock."),
    userId: text,
    projectId: text,
    role: text,
    tokenId: text,
    remoteAddress: text,
    action: z.string().max(4096).describe("Method and route."),
    resource: text.describe("What it was about, kind and name."),
    outcome: z.string().max(255).describe("`ok`, or the code of the error."),
    message: text,
    httpStatus: z.int(),
    requestId: z.string().max(255),
    times: z.int().min(1).describe("How many like it are counted here."),
  }),
});

export const auditView = z
  .object({
    id: z.int().describe("Grows with time."),
    at: z.iso.datetime(),
    userId: z.string().nullable().describe("Who, as the request said it; `sender` says how far to believe that."),
    projectId: z.string().nullable(),
    role: z.string().nullable(),
    tokenId: z.string().nullable().describe("Of what came over HTTP."),
    remoteAddress: z.string().nullable().describe("Of what came over HTTP."),
    sender: z.string().nullable().describe("The broker's word for who sent it; null where it vouches for nobody."),
    action: z.string().describe("The RPC, or method and route of what the API answered by itself."),
    resource: z.string().nullable().describe("What it was about, kind and name."),
    request: z.string().nullable().describe("What was asked, as JSON without secrets."),
    outcome: z
      .string()
      .nullable()
      .describe("`ok`, or the code of the refusal; null where the conductor ended before it was known."),
    message: z.string().nullable(),
    httpStatus: z.int().nullable(),
    requestId: z.string(),
    times: z
      .int()
      .describe("How many like it are counted here; more than one only of refused tokens and repeated refusals."),
  })
  .meta({ id: "AuditEntry" });
export type AuditView = z.output<typeof auditView>;
