import type { Database } from "./database.ts";
import type { DutyStore } from "./store.ts";

/** As with leases of migrations: a clock that is wrong costs work done twice. What a duty does must bear that. */
export function duties(database: Database): DutyStore {
  return {
    take: async (name, owner, leaseMs) => {
      const nowMs = database.now().getTime();
      const held = { owner, expires_at: nowMs + leaseMs };
      const row = await database.query(`taking the duty ${name}`, (db) =>
        db
          .insertInto("duties")
          .values({ name, ...held })
          .onConflict((conflict) =>
            conflict
              .column("name")
              .doUpdateSet(held)
              .where((e) => e.or([e("duties.owner", "=", owner), e("duties.expires_at", "<=", nowMs)])),
          )
          .returning("name")
          .executeTakeFirst(),
      );
      return row !== undefined;
    },
    giveBack: async (name, owner) => {
      await database.query(`giving the duty ${name} back`, (db) =>
        db.deleteFrom("duties").where("name", "=", name).where("owner", "=", owner).execute(),
      );
    },
  };
}
