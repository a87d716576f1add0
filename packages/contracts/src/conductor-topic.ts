/**
 * The conductor's topic. One version for all of its methods: a client may name the newest for any of them.
 *
 * 1.0 the first release; 1.1 the reading methods `list_servers`, `get_server`, `list_hosts`, `list_migrations` and
 * `get_migration`, so that a service needs no HTTP beside the bus; 1.2 `report_held_migrations`; 1.3
 * `migration_preflight`, `host_migration_preflight` and `update_host`, `priority` and `policy` of
 * `live_migrate_instance`, a method with `live_migration_force_complete`, `live_migration_tune` and `live_migration_resume`;
 * 1.4 server groups, aggregates, zones and maintenance, `addresses` in a host's facts,
 * `set_migration_priority`, locks of servers, `pause_server`, `unpause_server`, `reset_server_state`, `delete_host` and `forcedDown` of a host,
 * `create_token`, `revoke_token`, `record_audit`, webhooks.
 */
export const conductorTopic = { topic: "conductor", version: "1.4" } as const;

/** What agents report names the oldest version that has the method: agents are upgraded before conductors. */
export const REPORT_VERSION = "1.0";
