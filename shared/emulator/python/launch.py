"""Runs MiniStack until the process that started it is gone.

The caller keeps the write end of our standard input. However it dies, the kernel closes that end, we read
the end of the file, and everything in our process group ends.

Two addresses are added to the server's own:

    GET  /_halogard/instance                     which start of the emulator answers here
    POST /_halogard/clock?account=A&millis=N     from now on it is N (milliseconds since 1970) in the queues of account A
"""

import os
import shutil
import signal
import sys
import threading
import time
from urllib.parse import parse_qs

# Time that the emulator is given to end its own children, in seconds.
GRACE_SECONDS = 2.0

# What the time is in accounts whose clock was set, in seconds. Read and written by several threads;
# one entry at a time, which Python does in one step.
clocks = {}


def end_with_the_caller():
    """Waits for the caller's death, then ends everything we have started, and us.

    The emulator ends its own children when it is asked to. Whatever is left after that is killed.
    """
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    end_the_group()


def end_the_group():
    """Removes what was put down, and kills the process group, us included."""
    shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)
    os.killpg(os.getpgrp(), signal.SIGKILL)


class AccountTime:
    """Stands in for the module `time`: an account whose clock was set reads that clock."""

    def __init__(self, account_id):
        self._account_id = account_id

    def time(self):
        own = clocks.get(self._account_id()) if clocks else None
        return time.time() if own is None else own

    def __getattr__(self, name):
        return getattr(time, name)


def set_clocks_apart(sqs, account_id):
    """Gives the queues of each account a clock of their own."""
    sqs.time = AccountTime(account_id)
    receive = sqs._HANDLERS["ReceiveMessage"]

    async def receive_without_waiting_for_a_clock_that_stands(data, url):
        if account_id() in clocks:
            data = {**data, "WaitTimeSeconds": 0}
        return await receive(data, url)

    sqs._HANDLERS["ReceiveMessage"] = receive_without_waiting_for_a_clock_that_stands


def with_our_addresses(app, instance):
    """Answers our own addresses, and passes everything else on to `app`."""

    async def outer(scope, receive, send):
        if scope["type"] != "http" or not scope["path"].startswith("/_halogard/"):
            return await app(scope, receive, send)
        status, body = 200, instance
        if scope["path"] == "/_halogard/clock":
            query = parse_qs(scope["query_string"].decode("ascii"))
            # The half keeps a whole millisecond whole on its way through binary fractions.
            clocks[query["account"][0]] = (int(query["millis"][0]) + 0.5) / 1000
        elif scope["path"] != "/_halogard/instance":
            status = 404
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body.encode("ascii")})

    return outer


def main():
    threading.Thread(target=end_with_the_caller, daemon=True).start()
    from ministack import app as server
    from ministack.core.responses import get_account_id
    from ministack.services import sqs

    set_clocks_apart(sqs, get_account_id)
    server.app = with_our_addresses(server.app, os.environ["HALOGARD_INSTANCE"])
    try:
        server.main()
    finally:
        end_the_group()


if __name__ == "__main__":
    sys.exit(main())
