"""Reads progress out of Redis by its documented layout alone (packages/progress/README.md): progress-poller.py URL.

Writes "ready", then reads ten times a second until its input ends, and writes everything that it has seen: a JSON
object of lists of snapshots by migration.
"""

import json
import select
import sys

import redis

PATTERN = "drover:progress:3:*:snapshots"

client = redis.Redis.from_url(sys.argv[1], decode_responses=True)
seen = {}
print("ready")
while not select.select([sys.stdin], [], [], 0.1)[0]:
    keys = sorted(set(client.scan_iter(PATTERN, count=1000)))
    for text in client.mget(keys) if keys else []:
        for snapshot in json.loads(text)["snapshots"] if text is not None else []:
            snapshots = seen.setdefault(snapshot["migrationUuid"], [])
            if snapshot not in snapshots:
                snapshots.append(snapshot)
print(json.dumps(seen))
