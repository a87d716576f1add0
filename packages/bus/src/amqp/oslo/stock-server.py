"""A stock oslo.messaging RPC server of one topic.

    stock-server.py TRANSPORT_URL CONTROL_EXCHANGE TOPIC SERVER

Says "ready" when it serves, then one line of JSON for each `note` that it hears. Ends at the end of its input.
"""

import json
import sys
import time

import oslo_messaging
from oslo_config import cfg

url, control_exchange, topic, server_name = sys.argv[1:]


class Sample:
    """Methods without a namespace."""

    target = oslo_messaging.Target(version="2.3")

    def echo(self, context, value):
        """Gives back what it got."""
        return value

    def who_am_i(self, context):
        """The context as this server sees it, and the server's own name."""
        return {"context": context, "server": server_name}

    def fail(self, context, message):
        """Raises a class that every Python knows."""
        raise ValueError(message)

    def work(self, context, seconds):
        """Takes that long."""
        time.sleep(seconds)
        return "done"

    def nothing(self, context):
        """Returns None."""

    def note(self, context, text):
        """Says what it heard."""
        print(json.dumps({"text": text, "request_id": context["request_id"]}), flush=True)


class Task:
    """A namespace of its own, with its own version."""

    target = oslo_messaging.Target(namespace="compute_task", version="1.15")

    def live_migrate_instance(self, context, instance):
        """Stands for Nova's."""
        return f"migrating {instance}"


oslo_messaging.set_transport_defaults(control_exchange)
rpc_server = oslo_messaging.get_rpc_server(
    oslo_messaging.get_rpc_transport(cfg.CONF, url),
    oslo_messaging.Target(topic=topic, server=server_name),
    [Sample(), Task()],
    executor="threading",
)
rpc_server.start()
print("ready", flush=True)
sys.stdin.read()
rpc_server.stop()
rpc_server.wait()
