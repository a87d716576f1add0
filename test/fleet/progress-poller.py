"""Reads progress out of Redis by its documented layout alone (packages/progress/README.md): progress-poller.py URL.

Writes "ready", then reads ten times a second until its input ends, and writes everything that it has seen: a JSON
object of lists of snapshots by migration.
"""

import json
import select
import sys

import redis

PATTERN = "drover:progress:2:{*}:migration:*"

client = redis.Redis.from_url(sys.argv[1], decode_responses=True)
seen = {}
print("ready")
while not select.select([sys.stdin], [], [], 0.1)[0]:
    keys = sorted(set(client.scan_iter(PATTERN, count=1000)))
    pipeline = client.pipeline(transaction=False)
    for key in keys:
        pipeline.hget(key, "snapshot")
    for key, text in zip(keys, pipeline.execute()):
        snapshots = seen.setdefault(key.rpartition(":")[2], [])
        if text is not None and text not in snapshots:
            snapshots.append(text)
print(json.dumps({migration: [json.loads(text) for text in texts] for migration, texts in seen.items()}))
