"""Derives the compact list of operations from the vendor's OpenAPI descriptions.

    python3 derive.py path/to/v1.json path/to/v2.json > liongard-operations.json

Keeps names only, and only of the operations this crate uses: query parameters, members of the
body, and members of the records that are read. tests/contract.rs checks every request against
the result, and, where the vendor's files are at hand, the result against those files.
"""

import json
import sys
import textwrap

OPERATIONS = [
    ("v1", "get", "/tasks"),
    ("v1", "get", "/tasks/{TaskID}"),
    ("v1", "get", "/tasks/count"),
    ("v1", "get", "/environments"),
    ("v1", "get", "/environments/{EnvironmentID}"),
    ("v1", "get", "/inspectors"),
    ("v1", "get", "/launchpoints"),
    ("v1", "get", "/launchpoints/{LaunchpointID}"),
    ("v1", "post", "/launchpoints/run"),
    ("v1", "get", "/timeline"),
    ("v1", "get", "/timeline/{TimelineID}"),
    ("v1", "get", "/access-keys"),
    ("v1", "post", "/access-keys"),
    ("v1", "delete", "/access-keys/{AccessKeyID}"),
    ("v2", "get", "/environments/"),
]


def resolved(description, schema):
    """The schema of a record: references followed, a list taken for its items."""
    while schema:
        if "$ref" in schema:
            schema = description["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        elif schema.get("type") == "array":
            schema = schema["items"]
        else:
            return schema
    return {}


def members(description, content):
    """The names in a body; in an envelope, those of the records in it too."""
    schema = content.get("content", {}).get("application/json", {}).get("schema", {})
    own = resolved(description, schema).get("properties", {})
    data = resolved(description, own.get("Data", {})).get("properties", {})
    return sorted({*own, *data})


def operation(description, version, method, path):
    found = description["paths"][path][method]
    query = {p["name"] for p in found.get("parameters", []) if p["in"] == "query"}
    return {
        "method": method.upper(),
        "path": f"/api/{version}{path}",
        "query": sorted(query),
        "body": members(description, found.get("requestBody", {})),
        "reply": members(description, found["responses"]["200"]),
    }


def written(value, indent):
    """JSON whose lists of names are filled lines, so that a difference reads well."""
    blank = " " * indent
    if isinstance(value, dict):
        lines = [f"{blank}  {json.dumps(k)}: {written(v, indent + 2)}" for k, v in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{blank}}}"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        items = [f"{blank}  {written(item, indent + 2)}" for item in value]
        return "[\n" + ",\n".join(items) + f"\n{blank}]"
    if isinstance(value, list) and value:
        names = textwrap.fill(
            ", ".join(json.dumps(name) for name in value),
            width=100,
            initial_indent=blank + "  ",
            subsequent_indent=blank + "  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        return f"[\n{names}\n{blank}]"
    return json.dumps(value)


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def main():
    descriptions = {"v1": read(sys.argv[1]), "v2": read(sys.argv[2])}
    titles = [f"{d['info']['title']} {d['info']['version']}" for d in descriptions.values()]
    operations = [operation(descriptions[v], v, method, path) for v, method, path in OPERATIONS]
    print(written({"descriptions": titles, "operations": operations}, 0))


if __name__ == "__main__":
    main()
