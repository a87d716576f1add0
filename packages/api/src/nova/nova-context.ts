import type { Fleet, ProgressReader } from "@drover/fleet";
import type { FastifyInstance } from "fastify";
import type { ApiDependencies } from "../api-dependencies.ts";
import type { ApiAudit } from "../audit/api-audit.ts";
import type { NamePatterns } from "../name-filter.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** The API version of a request under `/v2.1`: 80 is 2.80. */
    novaMinor: number;
  }
}

/** What the routes of `/v2.1` work with. */
export interface NovaContext {
  readonly dependencies: ApiDependencies;
  readonly fleet: Fleet;
  readonly readProgress: ProgressReader;
  readonly audit: ApiAudit;
  readonly patterns: NamePatterns;
}

/** Adds the routes of one resource. */
export type NovaRoutes = (app: FastifyInstance, context: NovaContext) => void;
