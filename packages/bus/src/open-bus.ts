import { readFileSync } from "node:fs";
import { type Clock, DroverError, type Logger } from "@drover/model";
import { openAmqpBus } from "./amqp/amqp-bus.ts";
import type { BrokerTls } from "./broker-tls.ts";
import type { Bus } from "./bus.ts";
import { openInProcessBus } from "./in-process-bus.ts";
import { openNatsBus } from "./nats/nats-bus.ts";
import { type BusObserver, observeBus } from "./observe-bus.ts";
import { traceBus } from "./trace-bus.ts";

/** Which driver, and what it needs: `[bus]` of the configuration, in the file's own words. */
export interface BusSettings {
  readonly driver: "in-process" | "amqp" | "nats";
  /** The broker's address with user and password; several, separated by commas, name a cluster's members. */
  readonly url: string | null;
  /** Broker users whose commands are obeyed, beside our own. */
  readonly trusted_users: readonly string[];
  /** PEM files, for `amqps://` and `tls://` addresses. */
  readonly tls_ca_path: string | null;
  readonly tls_cert_path: string | null;
  readonly tls_key_path: string | null;
}

/** Whose bus it is. */
export interface BusProcess {
  /** As the broker shows it. */
  readonly name: string;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Is told how each call, cast and request went. @default nobody */
  readonly observer?: BusObserver;
  /** The process sends traces somewhere: RPC that is part of one has spans. @default false */
  readonly traced?: boolean;
}

/**
 * Opens the configured driver. Returns at once, also while the broker is away; see {@link Bus}.
 *
 * @throws {DroverError} `bad-request` when the driver needs an address and has none, or a PEM file cannot be read.
 */
export function openBus(settings: BusSettings, process: BusProcess): Bus {
  const { traced = false } = process;
  const bus = traced ? traceBus(openDriver(settings, process)) : openDriver(settings, process);
  return process.observer === undefined ? bus : observeBus(bus, process.observer, process.clock);
}

function openDriver(settings: BusSettings, { name, logger, clock }: BusProcess): Bus {
  const process = { name, logger, clock };
  const { driver, url, trusted_users: trustedUsers } = settings;
  if (driver === "in-process") return openInProcessBus(process);
  if (url === null) throw new DroverError("bad-request", `bus.url must be given for the driver ${driver}`);
  const urls = url.split(",").map((part) => part.trim());
  const tls = readTls(settings);
  const options = { ...process, urls, trustedUsers, ...(tls === undefined ? {} : { tls }) };
  return driver === "amqp" ? openAmqpBus(options) : openNatsBus(options);
}

function readTls(settings: BusSettings): BrokerTls | undefined {
  const ca = readPem("tls_ca_path", settings.tls_ca_path);
  const cert = readPem("tls_cert_path", settings.tls_cert_path);
  const key = readPem("tls_key_path", settings.tls_key_path);
  if (ca === undefined && cert === undefined && key === undefined) return undefined;
  if ((cert === undefined) !== (key === undefined)) {
    throw new DroverError("bad-request", "bus.tls_cert_path and bus.tls_key_path must be given together");
  }
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  };
}

function readPem(key: string, path: string | null): string | undefined {
  if (path === null) return undefined;
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new DroverError("bad-request", `bus.${key}: cannot read the PEM file ${path}`, { cause });
  }
}
