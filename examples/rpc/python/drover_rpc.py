"""What the examples share: Drover's conductor as an object with a method `call`, found through DROVER_BUS_URL."""

import getpass
import os
import sys
import uuid
from urllib.parse import unquote, urlencode, urlsplit

import oslo_messaging
from oslo_config import cfg

CONTROL_EXCHANGE = "drover"
# The lowest version that has all that is called here: any conductor of 1.1 or later answers.
TARGET = oslo_messaging.Target(topic="conductor", version="1.1")
DEADLINE_SECONDS = 10


class Conductor:
    """Drover's conductor, whichever of them answers."""

    def __init__(self, bus_url):
        oslo_messaging.set_transport_defaults(control_exchange=CONTROL_EXCHANGE)
        # oslo.messaging's thread for its own metrics outlives the last call by this; a command should end when it is done.
        if "oslo_messaging_metrics" in cfg.CONF:
            cfg.CONF.set_override("metrics_thread_stop_timeout", 0, group="oslo_messaging_metrics")
        url = transport_url(bus_url, os.environ.get("DROVER_BUS_TLS_CA_PATH"))
        self._transport = oslo_messaging.get_rpc_transport(cfg.CONF, url=url)
        client = oslo_messaging.get_rpc_client(self._transport, TARGET)
        self._client = client.prepare(timeout=DEADLINE_SECONDS)
        # The request id is in every log line of Drover's that this program causes, and in the migration's record.
        self._context = {"request_id": f"req-{uuid.uuid4()}", "user_id": user(), "project_id": "admin"}

    def call(self, method, **arguments):
        """Asks and waits for the answer. Raises RemoteError, whose exc_type is Drover's error code."""
        return self._client.call(self._context, method, **arguments)

    def close(self):
        """Lets go of the broker."""
        self._transport.cleanup()


def user():
    """Who asks, for the record."""
    return getpass.getuser()


def transport_url(bus_url, ca_path):
    """Drover's `amqp://user:secret@one:5672/vhost,amqp://…` as oslo.messaging writes it."""
    addresses = [urlsplit(address.strip()) for address in bus_url.split(",")]
    if any(address.scheme not in ("amqp", "amqps") for address in addresses):
        sys.exit("DROVER_BUS_URL must be amqp:// or amqps://: oslo.messaging speaks to RabbitMQ")
    hosts = ",".join(address.netloc for address in addresses)
    virtual_host = unquote(addresses[0].path.removeprefix("/"))
    # What stands in the query goes over the driver's own options.
    options = {"ssl": "true", "ssl_ca_file": ca_path} if addresses[0].scheme == "amqps" else {}
    query = urlencode({name: value for name, value in options.items() if value})
    return f"rabbit://{hosts}/{virtual_host}" + (f"?{query}" if query else "")


def run(main):
    """Runs a program over a conductor; what Drover refuses ends it with one line and 1."""
    bus_url = os.environ.get("DROVER_BUS_URL")
    if not bus_url:
        sys.exit("set DROVER_BUS_URL to the broker, as in [bus] url: amqp://user:password@host:5672/")
    conductor = Conductor(bus_url)
    try:
        sys.exit(main(conductor))
    except oslo_messaging.RemoteError as error:
        sys.exit(f"{error.exc_type}: {error.value}")
    except oslo_messaging.MessagingTimeout:
        sys.exit(f"no conductor answered within {DEADLINE_SECONDS} s")
    finally:
        conductor.close()
