#!/usr/bin/env python3
"""Moves a running server to another host and shows how it goes. Ends with 0 when the server has arrived, else with 1."""

import argparse
import time

import drover_rpc

OVER = ("completed", "failed", "cancelled", "error")
POLL_SECONDS = 0.5


def start(conductor, reference, host):
    """Records the migration; it happens by itself, whether or not anybody watches."""
    server = conductor.call("get_server", server=reference)["server"]
    return conductor.call(
        "live_migrate_instance",
        serverUuid=server["uuid"],
        host=host,
        requestedBy=drover_rpc.user(),
        projectId="admin",
    )["migrationUuid"]


def describe(migration):
    """One line for people."""
    line = f"migration {migration['id']} of {migration['server']['name']} is {migration['state']}"
    progress = migration["progress"]
    if migration["state"] in OVER:
        return f"{line}: {migration['reason']}" if migration["reason"] else line
    if progress is None:
        return line
    return f"{line}, {progress['memoryRemainingBytes'] // 1024 ** 2} MiB left, pass {progress['iteration']}"


def main(conductor):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server", help="name or uuid")
    parser.add_argument("--to", metavar="HOST", help="the destination; without it the scheduler chooses")
    options = parser.parse_args()
    uuid = start(conductor, options.server, options.to)
    shown = None
    while True:
        migration = conductor.call("get_migration", migration=uuid)["migration"]
        line = describe(migration)
        if line != shown:
            print(line, flush=True)
            shown = line
        if migration["state"] in OVER:
            return 0 if migration["state"] == "completed" else 1
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    drover_rpc.run(main)
