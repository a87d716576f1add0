"""A stock oslo.messaging RPC client that does what it is told by lines of JSON, one at a time and in order.

    stock-client.py TRANSPORT_URL CONTROL_EXCHANGE

Each line of input is one call or cast:

    {"kind": "call", "topic": "t", "prepare": {...}, "method": "m", "args": {...}, "context": {...}, "allow": [...]}

`prepare` goes to RPCClient.prepare() as it is, `allow` is the transport's allowed_remote_exmods. Each is answered by a
line with what it returned or raised, and the seconds that it took.
"""

import json
import sys
import time

import oslo_messaging
from oslo_config import cfg

url, control_exchange = sys.argv[1:]
oslo_messaging.set_transport_defaults(control_exchange)
transports = {}


def transport_for(allowed_modules):
    """One transport, with its own connections and reply queue, for each list of allowed modules."""
    key = tuple(allowed_modules)
    if key not in transports:
        transports[key] = oslo_messaging.get_rpc_transport(cfg.CONF, url, allowed_remote_exmods=list(key))
    return transports[key]


def run(command):
    """Makes the call or cast."""
    target = oslo_messaging.Target(topic=command["topic"])
    client = oslo_messaging.get_rpc_client(transport_for(command["allow"]), target)
    prepared = client.prepare(**command["prepare"])
    send = prepared.call if command["kind"] == "call" else prepared.cast
    return send(command["context"], command["method"], **command["args"])


def outcome_of(command):
    """What a command came to."""
    started = time.monotonic()
    try:
        outcome = {"returned": run(command)}
    except Exception as error:
        # RemoteError says which class the server named, and the message that came with it.
        outcome = {
            "raised": type(error).__name__,
            "excType": getattr(error, "exc_type", None),
            "value": getattr(error, "value", None),
            "text": str(error),
        }
    outcome["seconds"] = time.monotonic() - started
    return outcome


print("ready", flush=True)
for line in sys.stdin:
    print(json.dumps(outcome_of(json.loads(line))), flush=True)
