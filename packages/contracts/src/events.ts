/**
 * What event streams tell and webhooks deliver: changes of migrations, each of them a line of the log with an id that grows,
 * and the newest numbers of copies, which are worth nothing a moment later and have none.
 */
import { z } from "zod";
import { logEntryView, migrationDetail, migrationView, progressView } from "./views.ts";

export const migrationChange = logEntryView
  .extend({
    id: z.int().positive().describe("Grows: a later change has a larger one. What `Last-Event-ID` names."),
    migration: migrationView.describe(
      "The record as it was when this was told: it may have gone on since the change. `progress` is null until the migration is over.",
    ),
  })
  .meta({ id: "MigrationChange" });
export type MigrationChange = z.output<typeof migrationChange>;

const changeEvent = z
  .object({ event: z.literal("change"), data: migrationChange })
  .describe("Something happened to a migration. Its id is that of the change.");

const progressEvent = z
  .object({ event: z.literal("progress"), data: z.object({ progress: z.array(progressView) }) })
  .describe("The newest numbers. They have no id: who comes again misses them.");

/** Of one migration. */
export const migrationEvent = z
  .union([
    z
      .object({ event: z.literal("snapshot"), data: migrationDetail })
      .describe("How it stands; the first event where no change was named to go on from."),
    changeEvent,
    progressEvent,
  ])
  .meta({ id: "MigrationEvent" });
export type MigrationEvent = z.output<typeof migrationEvent>;

/** Of all migrations. */
export const fleetEvent = z
  .union([
    z
      .object({
        event: z.literal("snapshot"),
        data: z.object({
          migrations: z.array(migrationView).describe("Those in progress, the newest first, without progress."),
          missed: z
            .boolean()
            .describe(
              "The change that was named to go on from is not known (any more): what came after it may be missing.",
            ),
        }),
      })
      .describe("How all stand; the first event where no change was named to go on from."),
    changeEvent,
    progressEvent,
  ])
  .meta({ id: "FleetEvent" });
export type FleetEvent = z.output<typeof fleetEvent>;
