"""One end of an oslo.messaging echo: `oslo_worker.py server|client URL`. Speaks what worker.ts speaks.

Default options and the threading executor; a client's callers are threads.
"""

import json
import logging
import math
import pathlib
import sys
import threading
import time

from oslo_config import cfg
import oslo_messaging

TARGET = {"topic": "bench_oslo", "server": "echo-host", "version": "1.0"}


class Echo:
    target = oslo_messaging.Target(version=TARGET["version"])

    def echo(self, ctxt, **payload):
        return payload


def say(line):
    print(json.dumps(line), flush=True)


def measure(call, callers, for_ms):
    started = time.perf_counter()
    end = started + for_ms / 1000
    latencies = []

    def caller():
        sent = time.perf_counter()
        while sent < end:
            call()
            answered = time.perf_counter()
            latencies.append(answered - sent)
            sent = answered

    threads = [threading.Thread(target=caller) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - started
    latencies.sort()

    def rank(share):
        return latencies[math.ceil(share * len(latencies)) - 1] * 1000

    return {"calls": len(latencies), "tookMs": took * 1000, "p50Ms": rank(0.5), "p99Ms": rank(0.99)}


def main():
    role, url = sys.argv[1:]
    # Fifty threads are more than its pool of connections; it says so for each.
    logging.disable(logging.WARNING)
    cfg.CONF([], project="bench")
    transport = oslo_messaging.get_rpc_transport(cfg.CONF, url=url)
    if role == "server":
        server = oslo_messaging.get_rpc_server(
            transport, oslo_messaging.Target(**TARGET), [Echo()], executor="threading"
        )
        server.start()
        say({"ready": True})
        sys.stdin.read()
        server.stop()
        server.wait()
        return
    client = oslo_messaging.RPCClient(transport, oslo_messaging.Target(**TARGET))
    payload = json.loads(pathlib.Path(__file__).with_name("payload.json").read_text())
    if client.call({}, "echo", **payload) != payload:
        raise SystemExit("the echo is another one")
    say({"ready": True})
    for line in sys.stdin:
        load = json.loads(line)
        say(measure(lambda: client.call({}, "echo", **payload), load["callers"], load["forMs"]))


main()
