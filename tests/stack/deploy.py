"""Deploys the template on an emulator, with binaries that are already built.

Usage: python deploy.py REQUEST.json

REQUEST.json: {"template": path, "binaries": folder, "stack": name, "parameters": {name: value}}.
Where and as whom: AWS_ENDPOINT_URL, AWS_DEFAULT_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.
Prints {"outputs": {...}, "resources": {logical id: physical id}, "status": ...} as JSON, and ends
with an error when the stack is not complete. The same binaries give the same archives.
"""

import io
import json
import sys
import time
import zipfile
from pathlib import Path

import boto3
from samtranslator.yaml_helper import yaml_parse

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]


def archive(binary):
    """Returns `binary` zipped as Lambda's custom runtime wants it: executable, named bootstrap."""
    entry = zipfile.ZipInfo("bootstrap", date_time=(1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3
    entry.external_attr = 0o100755 << 16
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr(entry, binary.read_bytes(), compresslevel=1)
    return packed.getvalue()


def permit_batches(template):
    """Permits sending in batches wherever sending is permitted.

    AWS knows no permission of that name and takes the one for the other; the emulator asks for it.
    """
    for role in template["Resources"].values():
        for policy in role["Properties"].get("Policies", []):
            # What stands under a condition permits no sending.
            for statement in policy.get("PolicyDocument", {}).get("Statement", []):
                if statement["Action"] == "sqs:SendMessage":
                    statement["Action"] = ["sqs:SendMessage", "sqs:SendMessageBatch"]


def permit_plain_http(template):
    """Drops what refuses requests without TLS: the emulator is reached without, and it holds to that."""
    for name, resource in list(template["Resources"].items()):
        if resource["Type"] not in ("AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"):
            continue
        document = resource["Properties"]["PolicyDocument"]
        document["Statement"] = [it for it in document["Statement"] if it["Effect"] == "Allow"]
        if not document["Statement"]:
            del template["Resources"][name]


def upload(template, binaries, bucket):
    """Puts every function's code into `bucket`, names it in the template, and puts that there too.

    Returns the template's address: it is larger than what may be sent along with a call.
    """
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=bucket)
    for function in template["Resources"].values():
        if function["Type"] == "AWS::Serverless::Function":
            name = function["Metadata"]["BuildProperties"]["Binary"]
            s3.put_object(Bucket=bucket, Key=name + ".zip", Body=archive(binaries / name))
            function["Properties"]["CodeUri"] = f"s3://{bucket}/{name}.zip"
    s3.put_object(Bucket=bucket, Key="template.json", Body=json.dumps(template).encode())
    return f"{s3.meta.endpoint_url}/{bucket}/template.json"


def finished(cloudformation, stack):
    """Waits until the stack is made and returns it; ends with what failed if it is not."""
    for _ in range(600):
        made = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        if made["StackStatus"] == "CREATE_COMPLETE":
            return made
        if made["StackStatus"] != "CREATE_IN_PROGRESS":
            break
        time.sleep(0.1)
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    failed = [event for event in events if event["ResourceStatus"].endswith("FAILED")]
    reasons = [f"{it['LogicalResourceId']}: {it.get('ResourceStatusReason')}" for it in failed]
    sys.exit(f"stack {stack} is {made['StackStatus']}: {'; '.join(reasons)}")


def allow_loops(template, resources):
    """Sets whether each function may go in circles, which the emulator's CloudFormation leaves out."""
    functions = boto3.client("lambda")
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            loop = resource["Properties"].get("RecursiveLoop", "Terminate")
            functions.put_function_recursion_config(FunctionName=resources[name], RecursiveLoop=loop)


def deploy(request):
    """Makes the stack; returns its outputs and what its resources are called."""
    template = yaml_parse(Path(request["template"]).read_text(encoding="utf-8"))
    permit_batches(template)
    permit_plain_http(template)
    stack = request["stack"]
    # Names of buckets are shared by all accounts.
    account = boto3.client("sts").get_caller_identity()["Account"]
    address = upload(template, Path(request["binaries"]), f"{stack}-{account}-code")
    parameters = request["parameters"].items()
    cloudformation = boto3.client("cloudformation")
    cloudformation.create_stack(
        StackName=stack,
        TemplateURL=address,
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters],
        Capabilities=CAPABILITIES,
    )
    made = finished(cloudformation, stack)
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    resources = [resource for page in pages for resource in page["StackResourceSummaries"]]
    resources = {it["LogicalResourceId"]: it["PhysicalResourceId"] for it in resources}
    allow_loops(template, resources)
    return {
        "status": made["StackStatus"],
        "outputs": {output["OutputKey"]: output["OutputValue"] for output in made["Outputs"]},
        "resources": resources,
    }


if __name__ == "__main__":
    json.dump(deploy(json.loads(Path(sys.argv[1]).read_text())), sys.stdout, indent=1)
