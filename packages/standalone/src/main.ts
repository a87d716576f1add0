import { apiConfig, keystoneConfig } from "@drover/api";
import { conductorConfig, policyConfig, policyFrom, policyRulesFrom, retentionConfig } from "@drover/conductor";
import { schedulerConfig } from "@drover/scheduler";
import {
  embeddedBusConfig,
  embeddedProgressConfig,
  embeddedStoreConfig,
  logConfig,
  runService,
  storeOptions,
} from "@drover/service-kit";
import { simulatorConfig } from "./simulator-config.ts";
import { startStandalone } from "./start-standalone.ts";
import { welcome } from "./welcome.ts";

await runService({
  name: "standalone",
  // A person reads this terminal: only what needs attention is logged unless more is asked for.
  log: logConfig.extend({ level: logConfig.shape.level.unwrap().default("warn") }),
  sections: {
    bus: embeddedBusConfig,
    store: embeddedStoreConfig,
    progress: embeddedProgressConfig,
    api: apiConfig,
    keystone_authtoken: keystoneConfig,
    conductor: conductorConfig,
    policy: policyConfig,
    retention: retentionConfig,
    scheduler: schedulerConfig,
    simulator: simulatorConfig,
  },
  start: async ({ config, logger, clock, readiness, metrics, traced }) => {
    const standalone = await startStandalone({
      ...config,
      dataDir: config.data_dir,
      keystone: config.keystone_authtoken,
      store: storeOptions(config),
      policy: policyFrom(config.policy),
      policyRules: policyRulesFrom(config.policy),
      logger,
      clock,
      readiness,
      metrics,
      traced,
    });
    process.stdout.write(welcome({ address: standalone.address, dataDir: config.data_dir, hosts: standalone.hosts }));
    return standalone;
  },
});
