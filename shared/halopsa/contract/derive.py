"""Derives the compact list of operations from the vendor's OpenAPI description.

    python3 derive.py path/to/halopsa-openapi.json > halopsa-operations.json

Keeps names only, and only of the operations this crate uses: query parameters, members of the
body, and members of those nested objects that we send. tests/contract.rs checks every request
against the result, and, where the vendor's file is at hand, the result against that file.
"""

import json
import sys
import textwrap

OPERATIONS = [
    ("get", "/AuthInfo"),
    ("get", "/Tickets"),
    ("post", "/Tickets"),
    ("get", "/Tickets/{id}"),
    ("get", "/Actions"),
    ("post", "/Actions"),
    ("get", "/Status"),
    ("get", "/Priority"),
    ("get", "/TicketType"),
    ("get", "/TicketType/{id}"),
    ("get", "/Team"),
    ("get", "/Agent"),
    ("get", "/Agent/me"),
    ("get", "/Client"),
    ("get", "/Client/{id}"),
    ("get", "/Site"),
    ("get", "/Outcome"),
    ("get", "/Control"),
    ("get", "/Webhook"),
    ("post", "/Webhook"),
    ("get", "/Notification"),
    ("post", "/Notification"),
]

NESTED = {"/Tickets": ["customfields"]}


def members(schemas, name):
    return schemas[name]["properties"]


def item_schema(array):
    return array["items"]["$ref"].rsplit("/", 1)[1]


def operation(description, method, path):
    found = description["paths"][path][method]
    query = {p["name"] for p in found.get("parameters", []) if p["in"] == "query"}
    entry = {"method": method.upper(), "path": path, "query": sorted(query)}
    if "requestBody" in found:
        schemas = description["components"]["schemas"]
        body = found["requestBody"]["content"]["application/json"]["schema"]
        own = members(schemas, item_schema(body))
        entry["body"] = sorted(own)
        entry["nested"] = {
            name: sorted(members(schemas, item_schema(own[name]))) for name in NESTED.get(path, [])
        }
    return entry


def written(value, indent):
    """JSON whose lists of names are filled lines, so that a difference reads well."""
    blank = " " * indent
    if isinstance(value, dict):
        lines = [f"{blank}  {json.dumps(k)}: {written(v, indent + 2)}" for k, v in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{blank}}}" if lines else "{}"
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


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        description = json.load(file)
    info = description["info"]
    result = {
        "description": f"{info['title']} {info['version']}",
        "operations": [operation(description, method, path) for method, path in OPERATIONS],
    }
    print(written(result, 0))


if __name__ == "__main__":
    main()
