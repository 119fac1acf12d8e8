"""Prints a SAM template as the CloudFormation template it expands to, as JSON.

Usage: python expand.py template.yaml

The transform is the one that AWS itself runs, from the package aws-sam-translator. It looks
nothing up: code is taken to lie in a bucket, managed policies are none of ours.
"""

import json
import os
import sys

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from samtranslator.public.translator import ManagedPolicyLoader  # noqa: E402
from samtranslator.translator.transform import transform  # noqa: E402
from samtranslator.yaml_helper import yaml_parse  # noqa: E402


class NoManagedPolicies(ManagedPolicyLoader):
    """Knows no policy of AWS: the template grants every permission itself."""

    def __init__(self):
        super().__init__(None)

    def load(self):
        """Returns what there is."""
        return {}


def expanded(path):
    """Returns the template at `path`, expanded."""
    with open(path, encoding="utf-8") as file:
        template = yaml_parse(file.read())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://code/" + resource["Properties"]["CodeUri"]
    return transform(template, {}, NoManagedPolicies())


if __name__ == "__main__":
    json.dump(expanded(sys.argv[1]), sys.stdout, indent=1, sort_keys=True)
