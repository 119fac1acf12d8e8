"""Calls AWS for a test: one JSON object per line in, one JSON object per line out.

In:  {"service": "sqs", "call": "send_message", "arguments": {...}}
     {"service": "stack", "call": "deploy", "arguments": {what deploy.py is asked for}}
Out: {"answer": ...} or {"refused": {"code": ..., "message": ...}}

Where and as whom: AWS_ENDPOINT_URL, AWS_DEFAULT_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.
Ends with its standard input.
"""

import json
import sys

import boto3
from botocore.exceptions import ClientError
from deploy import deploy

CLIENTS = {}


def client(service):
    """Returns the one client of `service`."""
    if service not in CLIENTS:
        CLIENTS[service] = boto3.client(service)
    return CLIENTS[service]


def plain(value):
    """Returns a value JSON does not know as one it does: what is read as text, times as text."""
    if hasattr(value, "read"):
        value = value.read()
    return value.decode() if isinstance(value, bytes) else str(value)


def done(order):
    """Does what `order` says; returns what is to be said of it."""
    if order["service"] == "stack":
        return {"answer": deploy(order["arguments"])}
    call = getattr(client(order["service"]), order["call"])
    try:
        return {"answer": call(**order["arguments"])}
    except ClientError as error:
        said = error.response["Error"]
        return {"refused": {"code": said["Code"], "message": said["Message"]}}


for line in sys.stdin:
    print(json.dumps(done(json.loads(line)), default=plain), flush=True)
