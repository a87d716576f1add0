"""Runs OpenStack's own clients as their commands do, all in one process: to start Python for each costs a second.

Reads a JSON object a line, {"client": "openstack" | "nova" | "sdk", "argv": [...], "env": {...}}, and answers each with
{"code": ..., "out": ..., "err": ...}. For the SDK, argv is the name of a method of its compute proxy, and its arguments.
"""
import contextlib
import io
import json
import logging
import os
import sys
import types

import novaclient.shell
import openstack
from openstackclient import shell as openstack_shell
from osc_lib.clientmanager import ClientCache, ClientManager


def call_sdk(argv):
    connection = openstack.connect(
        auth_type="admin_token",
        auth={"endpoint": os.environ["OS_ENDPOINT"], "token": os.environ["OS_TOKEN"]},
        compute_api_version="2",
    )
    name, *arguments = argv
    try:
        result = getattr(connection.compute, name)(*arguments)
        many = list(result) if isinstance(result, types.GeneratorType) else [result]
        for one in many:
            print(one.to_dict() if hasattr(one, "to_dict") else one)
        return 0
    except Exception as error:  # What it raises is what is asked about.
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1


CLIENTS = {"openstack": openstack_shell.main, "nova": novaclient.shell.main, "sdk": call_sdk}


def run(client, argv, env):
    os.environ.update(env)
    # What a process of its own would not have: handlers, and clients with another's token.
    logging.getLogger().handlers.clear()
    for kept in vars(ClientManager).values():
        if isinstance(kept, ClientCache):
            kept._handle = None
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = CLIENTS[client](argv)
        except SystemExit as end:
            code = end.code
    return {"code": code or 0, "out": out.getvalue(), "err": err.getvalue()}


print("ready", flush=True)
for line in sys.stdin:
    print(json.dumps(run(**json.loads(line))), flush=True)
