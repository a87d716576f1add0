#!/usr/bin/env python3
"""Lists the servers of the fleet, a line each: name, host, power state, and the migration in progress."""

import argparse

import drover_rpc

PAGE_ROWS = 100


def all_servers(conductor, host):
    """Every server, page by page: one answer holds 1000 at most."""
    marker = None
    while True:
        page = conductor.call("list_servers", host=host, limit=PAGE_ROWS, marker=marker)["servers"]
        yield from page
        if len(page) < PAGE_ROWS:
            return
        marker = page[-1]["uuid"]


def main(conductor):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", help="only those on this host")
    options = parser.parse_args()
    for server in all_servers(conductor, options.host):
        migration = server["migration"]
        moving = f"migration {migration['id']} is {migration['status']}" if migration else "-"
        print(server["name"], server["host"], server["powerState"], moving, sep="\t")


if __name__ == "__main__":
    drover_rpc.run(main)
