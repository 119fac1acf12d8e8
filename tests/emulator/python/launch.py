"""Runs MiniStack until the process that started it is gone.

The caller keeps the write end of our standard input. However it dies, the kernel closes that end, we read
the end of the file, and everything in our process group ends.

Secrets Manager is made as strict as its reference where rotations depend on it, policies are held to the
partitions of a table they name, and Lambda counts how often a chain of messages has invoked a function. Two addresses are added to the server's own:

    GET  /_halogard/instance                     which start of the emulator answers here
    POST /_halogard/clock?account=A&millis=N     from now on it is N (milliseconds since 1970) in the queues of account A
"""

import contextvars
import json
import os
import re
import secrets
import shutil
import signal
import sys
import threading
import time
from urllib.parse import parse_qs

# Time that the emulator is given to end its own children, in seconds.
GRACE_SECONDS = 2.0

# Invocations of one function in one chain of requests after which Lambda drops the next one.
RECURSIONS_MAX = 16

# The trace header of the request that is being served, and of the invocation that is being made.
request_trace = contextvars.ContextVar("request_trace", default=None)
invocation_trace = contextvars.ContextVar("invocation_trace", default=None)

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


def keep_secrets_as_strictly_as_aws(secrets_manager):
    """Has Secrets Manager do what rotations go by, as its reference says and the emulator does not.

    A version is made once: the same token and value again changes nothing, another value is refused. A label
    is on one version at a time. RotateSecret announces a version without a value and leaves the rest to the
    function, which the test calls; a version without a value is not found.
    """
    module = secrets_manager
    get, put = module._get_secret_value, module._put_secret_value

    def has_value(version):
        return version["SecretString"] is not None or version["SecretBinary"] is not None

    def get_secret_value(data):
        answer = get(data)
        if answer[0] == 200 and not {"SecretString", "SecretBinary"} & json.loads(answer[2]).keys():
            return module.error_response_json(
                "ResourceNotFoundException", "Secrets Manager can't find the specified secret value.", 400
            )
        return answer

    def put_secret_value(data):
        _, secret = module._resolve(data.get("SecretId"))
        token, labels = data.get("ClientRequestToken"), data.get("VersionStages") or ["AWSCURRENT"]
        if not secret:
            return put(data)
        if token and not 32 <= len(token) <= 64:
            return module.error_response_json(
                "InvalidParameterException", "ClientRequestToken must be 32-64 characters long.", 400
            )
        known = secret["Versions"].get(token)
        if known and has_value(known):
            if (known["SecretString"], known["SecretBinary"]) != (data.get("SecretString"), data.get("SecretBinary")):
                return module.error_response_json(
                    "ResourceExistsException", "A version with another value was made with this token.", 400
                )
            return module.json_response(
                {"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": token, "VersionStages": known["Stages"]}
            )
        answer = put(data)
        for label in labels:
            if answer[0] == 200 and label != "AWSCURRENT":
                module._remove_stage_everywhere(secret, label, json.loads(answer[2])["VersionId"])
        return answer

    def rotate_secret(data):
        _, secret = module._resolve(data.get("SecretId"))
        if not secret:
            return module.error_response_json(
                "ResourceNotFoundException", "Secrets Manager can't find the specified secret.", 400
            )
        function = data.get("RotationLambdaARN") or secret.get("RotationLambdaARN")
        if not function:
            return module.error_response_json(
                "InvalidRequestException", "No Lambda rotation function ARN is associated with this secret.", 400
            )
        secret["RotationLambdaARN"], secret["RotationEnabled"] = function, True
        token = data.get("ClientRequestToken") or module.new_uuid()
        pending, version = module._find_stage_version(secret, "AWSPENDING")
        if pending not in (None, token) and "AWSCURRENT" not in version["Stages"]:
            return module.error_response_json(
                "InvalidRequestException", "A previous rotation isn't complete. It will be reattempted.", 400
            )
        if data.get("RotateImmediately", True):
            empty = {"SecretString": None, "SecretBinary": None, "CreatedDate": int(time.time()), "Stages": []}
            secret["Versions"].setdefault(token, empty)
            module._remove_stage_everywhere(secret, "AWSPENDING", token)
            module._add_stage(secret, token, "AWSPENDING")
        return module.json_response({"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": token})

    module._get_secret_value = get_secret_value
    module._put_secret_value = put_secret_value
    module._rotate_secret = rotate_secret


def hold_roles_to_partitions(iam_actions):
    """Has policies find the key dynamodb:LeadingKeys: the values of `pk` that a request names."""
    context_of = iam_actions.dynamodb_service_context

    def records(request):
        """Everything in `request` that holds a key: keys, and items that are put."""
        yield from (request[name] for name in ("Key", "Item") if name in request)
        for table in request.get("RequestItems", {}).values():
            if isinstance(table, dict):
                yield from table.get("Keys", [])
                continue
            for write in table:
                yield from records(write.get("PutRequest", {}))
                yield from records(write.get("DeleteRequest", {}))
        for item in request.get("TransactItems", []):
            for part in item.values():
                yield from records(part)

    def partitions(request):
        """The partitions that `request` names; none for a scan, as on AWS."""
        yield from (record["pk"]["S"] for record in records(request) if "pk" in record)
        names = request.get("ExpressionAttributeNames", {})
        for name, value in re.findall(r"(#?\w+)\s*=\s*(:\w+)", request.get("KeyConditionExpression", "")):
            if names.get(name, name) == "pk":
                yield request["ExpressionAttributeValues"][value]["S"]

    def context_with_leading_keys(body):
        context = context_of(body)
        named = sorted(set(partitions(json.loads(body or b"{}"))))
        return {**context, "dynamodb:LeadingKeys": named} if named else context

    iam_actions.dynamodb_service_context = context_with_leading_keys


def count_recursions(functions, sqs):
    """Has Lambda detect recursive loops over queues, as it does by default.

    The SDK of a function sends the trace header of its invocation with every request; SQS keeps it with a message,
    and Lambda reads it there. The header's lineage counts how often the chain has invoked each function. A batch
    goes by the longest of its chains. What is dropped stays in the queue, hidden, as if the function had failed.
    """
    system_attributes = sqs._build_send_sys_attrs
    run_batch = functions._run_sqs_batch
    trace_of = functions._xray_trace_id_for_invocation

    def lineage(trace):
        """The counts in a trace header, by function."""
        found = re.search(r"Lineage=([^;]*)", trace or "")
        pairs = (entry.rsplit(":", 1) for entry in (found[1].split("|") if found else []))
        return {name: int(count) for name, count in pairs}

    def attributes_with_the_trace(now, given):
        attributes = system_attributes(now, given)
        if request_trace.get():
            attributes.setdefault("AWSTraceHeader", request_trace.get())
        return attributes

    def run_batch_unless_it_goes_in_circles(esm, func_rec, event, batch, queue_url, queue_name):
        name = esm["FunctionName"].rsplit(":", 1)[-1]
        counts = {}
        for record in event["Records"]:
            for function, count in lineage(record["attributes"].get("AWSTraceHeader")).items():
                counts[function] = max(count, counts.get(function, 0))
        if counts.get(name, 0) >= RECURSIONS_MAX and func_rec.get("recursive_loop") != "Allow":
            return None
        counts[name] = counts.get(name, 0) + 1
        chain = "|".join(f"{function}:{count}" for function, count in sorted(counts.items()))
        root = f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"
        token = invocation_trace.set(f"{root};Parent={secrets.token_hex(8)};Sampled=0;Lineage={chain}")
        try:
            return run_batch(esm, func_rec, event, batch, queue_url, queue_name)
        finally:
            invocation_trace.reset(token)

    sqs._build_send_sys_attrs = attributes_with_the_trace
    functions._run_sqs_batch = run_batch_unless_it_goes_in_circles
    functions._xray_trace_id_for_invocation = lambda config, inbound=None: invocation_trace.get() or trace_of(
        config, inbound
    )


def with_our_addresses(app, instance):
    """Answers our own addresses, and passes everything else on to `app`."""

    async def outer(scope, receive, send):
        if scope["type"] != "http" or not scope["path"].startswith("/_halogard/"):
            if scope["type"] == "http":
                request_trace.set(dict(scope["headers"]).get(b"x-amzn-trace-id", b"").decode("ascii"))
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
    from ministack.core import iam_actions
    from ministack.core.responses import get_account_id
    from ministack.services import lambda_svc, secretsmanager, sqs

    set_clocks_apart(sqs, get_account_id)
    keep_secrets_as_strictly_as_aws(secretsmanager)
    hold_roles_to_partitions(iam_actions)
    count_recursions(lambda_svc, sqs)
    server.app = with_our_addresses(server.app, os.environ["HALOGARD_INSTANCE"])
    try:
        server.main()
    finally:
        end_the_group()


if __name__ == "__main__":
    sys.exit(main())
