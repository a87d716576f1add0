import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { busConfig, embeddedStoreConfig, healthConfig } from "./common-sections.ts";
import { loadConfig } from "./config.ts";
import { storeOptions } from "./store-options.ts";

const compute = z.object({
  host: z.string().min(1),
  live_migration_inbound_addr: z.string().nullable().default(null),
  max_concurrent_live_migrations: z.int().min(0).default(1).describe("Outgoing at the same time; 0 is no limit."),
  live_migration_permit_post_copy: z.boolean().default(false),
  tags: z.array(z.string()).default([]),
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "drover-config-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function fileWith(text: string): string {
  const path = join(folder, "drover.toml");
  writeFileSync(path, text);
  return path;
}

describe("loadConfig", () => {
  it("takes the file, the environment over it, and defaults for the rest", () => {
    const file = fileWith('data_dir = "/srv/drover"\n[compute]\nhost = "h1"\nmax_concurrent_live_migrations = 3\n');
    const config = loadConfig({ compute }, { file, env: { DROVER_COMPUTE_HOST: "h2" } });
    expect(config.data_dir).toBe("/srv/drover");
    expect(config.compute).toEqual({
      host: "h2",
      live_migration_inbound_addr: null,
      max_concurrent_live_migrations: 3,
      live_migration_permit_post_copy: false,
      tags: [],
    });
  });

  it("turns the environment's text into numbers, booleans and lists", () => {
    const env = {
      DROVER_COMPUTE_HOST: "7",
      DROVER_COMPUTE_MAX_CONCURRENT_LIVE_MIGRATIONS: "2",
      DROVER_COMPUTE_LIVE_MIGRATION_PERMIT_POST_COPY: "true",
      DROVER_COMPUTE_TAGS: "a, b",
      DROVER_COMPUTE_LIVE_MIGRATION_INBOUND_ADDR: "",
    };
    expect(loadConfig({ compute }, { env }).compute).toEqual({
      host: "7",
      live_migration_inbound_addr: null,
      max_concurrent_live_migrations: 2,
      live_migration_permit_post_copy: true,
      tags: ["a", "b"],
    });
  });

  it("finds sections in the environment whose names have an underscore", () => {
    const keystone = z.object({ auth_url: z.string().nullable().default(null) });
    const env = { DROVER_KEYSTONE_AUTHTOKEN_AUTH_URL: "https://keystone.example:5000", DROVER_COMPUTE_HOST: "h1" };
    const config = loadConfig({ compute, keystone_authtoken: keystone }, { env });
    expect(config.keystone_authtoken.auth_url).toBe("https://keystone.example:5000");
  });

  it("accepts sections of other services unseen, and variables of other tools", () => {
    const file = fileWith('[compute]\nhost = "h1"\n[conductor]\nanything = 1\n');
    const env = { DROVER_TEST_TIERS: "unit", DROVER_SCHEDULER_X: "1" };
    expect(loadConfig({ compute }, { file, env }).compute.host).toBe("h1");
  });

  it("names the nearest known key, section and variable for every unknown one", () => {
    const file = fileWith('[compute]\nhost = "h1"\nlive_migration_inbound_adr = "x"\n[helth]\n');
    const env = { DROVER_HEALTH_PROT: "1", DROVER_HEALT_PORT: "1" };
    expect(() => loadConfig({ compute, health: healthConfig }, { file, env })).toThrow(
      /\[helth\] is not known; did you mean health\?.*DROVER_HEALT_PORT is not known; did you mean DROVER_HEALTH_….*live_migration_inbound_adr is not known; did you mean live_migration_inbound_addr\?.*DROVER_HEALTH_PROT is not known; did you mean DROVER_HEALTH_PORT\?/s,
    );
  });

  it("names the variable, the problem and what the key is for when a value is wrong", () => {
    const env = { DROVER_COMPUTE_HOST: "h1", DROVER_COMPUTE_MAX_CONCURRENT_LIVE_MIGRATIONS: "many" };
    expect(() => loadConfig({ compute }, { env })).toThrow(
      /DROVER_COMPUTE_MAX_CONCURRENT_LIVE_MIGRATIONS: .*expected number.*0 is no limit/,
    );
  });

  it("refuses to listen beyond loopback and says why", () => {
    expect(() => loadConfig({ health: healthConfig }, { env: { DROVER_HEALTH_HOST: "0.0.0.0" } })).toThrow(
      /DROVER_HEALTH_HOST: .*no authentication.*127\.0\.0\.1/,
    );
  });

  it("never shows a password, not even from a line that is not TOML", () => {
    const file = fileWith('[bus]\nurl = "amqp://u:hunter2@h"oops\n');
    expect(() => loadConfig({ bus: busConfig }, { file, env: {} })).toThrow(/line 2, column \d+ is not valid TOML/);
    expect(() => loadConfig({ bus: busConfig }, { file, env: {} })).not.toThrow(/hunter2/);
  });

  it("says which file it could not read", () => {
    expect(() => loadConfig({ compute }, { file: join(folder, "none.toml"), env: {} })).toThrow(/none\.toml.*ENOENT/);
  });

  it("puts the SQLite file into data_dir unless told otherwise", () => {
    const config = loadConfig({ store: embeddedStoreConfig }, { env: { DROVER_DATA_DIR: folder } });
    expect(storeOptions(config)).toEqual({ driver: "sqlite", path: join(folder, "drover.sqlite") });
    const moved = loadConfig({ store: embeddedStoreConfig }, { env: { DROVER_STORE_PATH: "/x/y.db" } });
    expect(storeOptions(moved)).toEqual({ driver: "sqlite", path: "/x/y.db" });
  });
});
