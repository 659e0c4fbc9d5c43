"""Checks workflow files against the JSON Schema that `yizhan schema` writes, with a validator that is not ours.

Usage: schema.py SCHEMA FILE...   Prints each fault with its place; the exit code is 1 if there is one."""

import json
import sys
import tomllib

from jsonschema import Draft7Validator


def faults(validator, path):
    with open(path, "rb") as file:
        document = tomllib.load(file)
    # TOML has dates and times of its own, JSON has texts.
    document = json.loads(json.dumps(document, default=str))
    for error in validator.iter_errors(document):
        place = ".".join(str(key) for key in error.absolute_path)
        yield f"{path}: {place}: {error.message[:300]}"


def main(schema, *paths):
    with open(schema, encoding="utf-8") as file:
        schema = json.load(file)
    Draft7Validator.check_schema(schema)
    validator = Draft7Validator(schema)
    found = [fault for path in paths for fault in faults(validator, path)]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
