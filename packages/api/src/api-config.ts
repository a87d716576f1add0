import { z } from "zod";

const pemPath = z.string().min(1).nullable().default(null);

/** `[api]`. */
export const apiConfig = z.object({
  host: z
    .string()
    .min(1)
    .default("127.0.0.1")
    .describe("Address to listen on. Beyond loopback TLS is asked for, since tokens go over the network."),
  port: z.int().min(0).max(65_535).default(8774).describe("Port of the HTTP API; 0 takes a free one."),
  tls_cert_path: pemPath.describe("PEM file of the certificate, with those between it and its CA. Read at the start."),
  tls_key_path: pemPath.describe("PEM file of its key."),
  insecure: z
    .boolean()
    .default(false)
    .describe(
      "Listen beyond loopback without TLS: where a proxy before the API ends TLS, and nobody else can reach it.",
    ),
  trusted_proxies: z
    .array(z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()], "must be a network like 192.0.2.0/24, or an address"))
    .max(64)
    .default([])
    .describe(
      "Networks of the proxies before the API. From them `X-Forwarded-For`, `-Proto` and `-Host` are believed: in the audit, in the networks of tokens, in limits and in links.",
    ),
  max_event_streams: z
    .int()
    .min(0)
    .default(5_000)
    .describe("Event streams that are open at the same time; more are answered 503. Each needs an open file."),
  max_requests_per_second: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(10_000)
    .describe("Requests with one token that one API answers in a second; more are answered 429 with `Retry-After`."),
});

export type ApiConfig = z.output<typeof apiConfig>;
