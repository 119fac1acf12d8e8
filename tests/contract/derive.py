"""Derives a vendor's compact list of operations anew from its OpenAPI descriptions.

    python3 derive.py operations.json description.json [description.json ...]

The descriptions come in the order in which the list names them. Keeps names only, and only of the
operations that the list holds: query parameters, and as far as the list asks for them, members of
the body, of those nested objects that are sent, and of the records in the answer. To add an
operation, write its method and path into the list, with "body", "nested" or "reply" where wanted.

What it prints is the new list. The vendor's tests/contract.rs checks every request against it, and,
where the vendor's files are at hand, the list against those.
"""

import json
import sys
import textwrap


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


def properties(description, schema):
    return resolved(description, schema).get("properties", {})


def content(part):
    return part.get("content", {}).get("application/json", {}).get("schema", {})


def members(description, part):
    """The names in a body; in an envelope, those of the records in it too."""
    own = properties(description, content(part))
    return sorted({*own, *properties(description, own.get("Data", {}))})


def operation(description, prefix, listed):
    found = description["paths"][listed["path"].removeprefix(prefix)][listed["method"].lower()]
    query = {p["name"] for p in found.get("parameters", []) if p["in"] == "query"}
    entry = {"method": listed["method"], "path": listed["path"], "query": sorted(query)}
    body = found.get("requestBody", {})
    if "body" in listed:
        entry["body"] = members(description, body)
    if "nested" in listed:
        own = properties(description, content(body))
        entry["nested"] = {
            name: sorted(properties(description, own[name])) for name in listed["nested"]
        }
    if "reply" in listed:
        entry["reply"] = members(description, found["responses"]["200"])
    return entry


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
    listed = read(sys.argv[1])
    sources = [
        {"prefix": old["prefix"], "description": read(path)}
        for old, path in zip(listed["descriptions"], sys.argv[2:], strict=True)
    ]
    operations = []
    for wanted in listed["operations"]:
        source = next(s for s in sources if wanted["path"].startswith(s["prefix"]))
        operations.append(operation(source["description"], source["prefix"], wanted))
    descriptions = []
    for source in sources:
        info = source["description"]["info"]
        title = f"{info['title']} {info['version']}"
        descriptions.append({"title": title, "prefix": source["prefix"]})
    print(written({"descriptions": descriptions, "operations": operations}, 0))


if __name__ == "__main__":
    main()
