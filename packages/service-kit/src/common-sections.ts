/**
 * The sections that several services share. Keys are the words of the file (`snake_case`). Services of their own process
 * meet through a broker, so their defaults are the shared drivers; `embedded…` are the same keys for one process that
 * holds everything.
 */
import { z } from "zod";
import { loopbackHost } from "./loopback.ts";

function url(...schemes: readonly string[]): z.ZodString {
  return z.string().refine((value) => isUrl(value, schemes), {
    error: `must be a URL that begins with ${schemes.map((scheme) => `${scheme}://`).join(" or ")}`,
  });
}

/** Several, separated by commas: a cluster's members. */
function urls(...schemes: readonly string[]): z.ZodString {
  return z.string().refine((value) => value.split(",").every((part) => isUrl(part.trim(), schemes)), {
    error: `must be URLs, separated by commas, that begin with ${schemes.map((scheme) => `${scheme}://`).join(" or ")}`,
  });
}

function isUrl(value: string, schemes: readonly string[]): boolean {
  return URL.canParse(value) && schemes.includes(new URL(value).protocol.slice(0, -1));
}

const brokerUrl = urls("amqp", "amqps", "nats", "tls");
const pemPath = z.string().min(1).nullable().default(null);

const brokerOptions = {
  trusted_users: z
    .array(z.string().min(1))
    .default([])
    .describe("Broker users whose commands are obeyed, beside our own user; the conductor's, for an agent."),
  tls_ca_path: pemPath.describe("PEM file of the CA that signed the broker's certificate; without it the system's."),
  tls_cert_path: pemPath.describe("PEM file of our own certificate, where the broker asks for one."),
  tls_key_path: pemPath.describe("PEM file of its key."),
} as const;

/** `[bus]` of a service in a process of its own. There is no default: an address without a user would mean RabbitMQ's own. */
export const busConfig = z.object({
  driver: z.enum(["amqp", "nats"]).default("amqp").describe("What carries RPC between the processes."),
  url: brokerUrl.describe(
    "The broker, with user and password: amqp://user:password@host:5672/vhost or nats://user:password@host:4222. Must be given.",
  ),
  ...brokerOptions,
});

/** `[bus]` where all services share a process. */
export const embeddedBusConfig = z.object({
  driver: z
    .enum(["in-process", "amqp", "nats"])
    .default("in-process")
    .describe("What carries RPC between the services."),
  url: brokerUrl
    .nullable()
    .default(null)
    .describe("The broker, with user and password; must be given for the drivers `amqp` and `nats`."),
  ...brokerOptions,
});

const databaseUrl = url("postgres", "postgresql")
  .default("postgres://drover@127.0.0.1:5432/drover")
  .describe("The database; used by the driver `postgres`.");
const databasePath = z
  .string()
  .min(1)
  .nullable()
  .default(null)
  .describe("The database file; used by the driver `sqlite`. Without it `drover.sqlite` in `data_dir`.");
const storeDriver = z.enum(["postgres", "sqlite"]).describe("Where records are kept.");

/** `[store]` of a service in a process of its own. */
export const storeConfig = z.object({
  driver: storeDriver.default("postgres"),
  url: databaseUrl,
  path: databasePath,
});

/** `[store]` where all services share a process. */
export const embeddedStoreConfig = storeConfig.extend({ driver: storeDriver.default("sqlite") });

const progressDriver = z.enum(["redis", "memory"]).describe("Where agents leave the progress of their migrations.");

/** `[progress]` of a service in a process of its own. */
export const progressConfig = z.object({
  driver: progressDriver.default("redis"),
  url: urls("redis", "rediss")
    .default("redis://127.0.0.1:6379/0")
    .describe("The cache; used by the driver `redis`. Of a cluster some of its nodes, separated by commas."),
  cluster: z
    .boolean()
    .default(false)
    .describe("Whether it is a Redis Cluster. Its other nodes are found by those that `url` names."),
  tls_ca_path: pemPath.describe(
    "PEM file of the CA that signed Redis's certificate, for `rediss://`; without it the system's.",
  ),
});

/** `[progress]` where all services share a process. */
export const embeddedProgressConfig = progressConfig.extend({ driver: progressDriver.default("memory") });

/** `[log]` of every process. */
export const logConfig = z.object({
  level: z.enum(["debug", "info", "warn", "error"]).default("info").describe("Lines below this level are dropped."),
});

/** `[health]` of every process. */
export const healthConfig = z.object({
  host: loopbackHost,
  port: z
    .int()
    .min(0)
    .max(65_535)
    .default(0)
    .describe("Port of /healthz, /readyz and /metrics; 0 takes a free one and prints it in the log."),
});

/** `[tracing]` of every process. */
export const tracingConfig = z.object({
  endpoint: url("http", "https")
    .nullable()
    .default(null)
    .describe(
      "Where traces are sent, by OTLP over HTTP: http://collector.example:4318, without /v1/traces. Default: `OTEL_EXPORTER_OTLP_ENDPOINT`; without either nothing is traced, and nothing of it is loaded.",
    ),
  sample_ratio: z
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe(
      "How many of the traces that begin here are kept, 0 to 1. One that began elsewhere is kept if it was there.",
    ),
});

/** Sections that some process of Drover reads: accepted by all, so that one file can serve them together. */
export const KNOWN_SECTIONS: readonly string[] = [
  "bus",
  "store",
  "progress",
  "log",
  "health",
  "tracing",
  "api",
  "keystone_authtoken",
  "conductor",
  "scheduler",
  "compute",
  "policy",
  "retention",
  "standalone",
  "simulator",
];
