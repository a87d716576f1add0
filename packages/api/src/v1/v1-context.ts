import type { IncomingMessage, ServerResponse } from "node:http";
import type { Fleet, MigrationViews, ProgressHistoryReader } from "@drover/fleet";
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { ApiDependencies } from "../api-dependencies.ts";
import type { ApiAudit } from "../audit/api-audit.ts";
import type { EventOpener } from "../events/open-events.ts";
import type { NamePatterns } from "../name-filter.ts";
import { errorBody } from "./schemas.ts";

/** What the routes of `/v1` work with. */
export interface V1Context {
  readonly dependencies: ApiDependencies;
  readonly fleet: Fleet;
  readonly migrations: MigrationViews;
  readonly readHistory: ProgressHistoryReader;
  readonly events: EventOpener;
  readonly audit: ApiAudit;
  readonly patterns: NamePatterns;
}

/** A Fastify instance whose routes take their types from zod. */
export type V1App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse<IncomingMessage>,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** The answers that every route may give. */
export const errorAnswers = { "4xx": errorBody, "5xx": errorBody } as const;
