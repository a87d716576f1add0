#!/usr/bin/env python3
"""Hurries a migration, or calls it off. Asking is not being done: `migrate.py` shows what becomes of it."""

import argparse

import drover_rpc

METHODS = {"force-complete": "live_migration_force_complete", "abort": "live_migration_abort"}


def main(conductor):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=METHODS)
    parser.add_argument("migration", help="number or uuid")
    options = parser.parse_args()
    migration = conductor.call("get_migration", migration=options.migration)["migration"]
    reply = conductor.call(
        METHODS[options.action], migrationUuid=migration["uuid"], requestedBy=drover_rpc.user()
    )
    print(f"{options.action} of migration {migration['id']}: {reply['answer']}")


if __name__ == "__main__":
    drover_rpc.run(main)
