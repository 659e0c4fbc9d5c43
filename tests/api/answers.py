"""Holds what a daemon really answers against what its API's document says, field by field, with a validator that is not ours.

Usage: answers.py ADDRESS TOKEN   Asks every GET route with the names that lists show; a field that an answer has and the document
does not is a fault, too. Prints each fault; the exit code is 1 if there is one, or if a route could not be asked."""

import json
import sys
import urllib.error
import urllib.request

from jsonschema import Draft202012Validator

JSON = "application/json"


class Daemon:
    def __init__(self, address, token):
        self.address, self.token = address, token

    def get(self, path):
        request = urllib.request.Request(self.address + path, headers={"Authorization": f"Bearer {self.token}"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.headers.get_content_type(), answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers.get_content_type(), error.read()

    def json(self, path):
        status, _, body = self.get(path)
        assert status == 200, f"{path}: {status} {body}"
        return json.loads(body)

    def names(self, path, field):
        return [item[field] for item in self.json(path)["items"]]


def closed(schema, document, inside=False):
    """The schema with no room for a field that it does not name."""
    if "$ref" in schema:
        if not inside:
            return schema
        name = schema["$ref"].rsplit("/", 1)[1]
        return closed(document["components"]["schemas"][name], document, inside=True)
    out = dict(schema)
    for key in ("anyOf", "oneOf"):
        if key in schema:
            out[key] = [closed(one, document, inside) for one in schema[key]]
    if "allOf" in schema:
        out["allOf"] = [closed(one, document, inside=True) for one in schema["allOf"]]
    if "items" in schema:
        out["items"] = closed(schema["items"], document)
    if "properties" in schema:
        out["properties"] = {name: closed(one, document) for name, one in schema["properties"].items()}
    names = "properties" in schema or "allOf" in schema
    if names and not inside and "additionalProperties" not in schema:
        out["unevaluatedProperties"] = False
    return out


def places(daemon, document):
    """Every GET route, each as often as there are kinds of things behind its name."""
    runs = daemon.names("/api/v1/runs", "id")
    texts = {daemon.json(f"/api/v1/runs/{run}")["text"] for run in runs}
    known = {
        "runs": runs,
        "tasks": daemon.names("/api/v1/tasks", "id"),
        "workflows": daemon.names("/api/v1/workflows", "name"),
        "registers": daemon.names("/api/v1/registers", "name"),
        "plugins": daemon.names("/api/v1/plugins", "id"),
        "texts": sorted(texts),
    }
    for path, item in document["paths"].items():
        if "get" not in item:
            continue
        # A stream would go on for ever.
        goes_on = path.endswith("/wait") or "text/event-stream" in item["get"]["responses"].get("200", {}).get("content", {})
        filled = [path + ("?seconds=0" if goes_on else "")]
        parts = path.split("/")
        for of, part in zip(parts, parts[1:]):
            if not part.startswith("{"):
                continue
            # A hash that nobody knows is refused, and that answer has its shape as well.
            names = known.get(of, ["0" * 64])
            filled = [one.replace(part, urllib.request.quote(name, safe="")) for one in filled for name in names]
        yield path, item["get"], filled


def faults(daemon, document, schemas, operation, path):
    status, media, body = daemon.get(path)
    answers = operation["responses"]
    answer = answers.get(str(status)) or answers.get(f"{status // 100}XX")
    if answer is None:
        return [f"{path}: {status} is not in the document"]
    if "$ref" in answer:
        answer = document["components"]["responses"][answer["$ref"].rsplit("/", 1)[1]]
    if media not in answer["content"]:
        return [f"{path}: {media} is not in the document"]
    if not media.endswith("json"):
        return []
    schema = closed(answer["content"][media].get("schema", {}), document)
    validator = Draft202012Validator({**schema, "components": {"schemas": schemas}})
    errors = validator.iter_errors(json.loads(body))
    return [f"{path}: {'/'.join(map(str, error.absolute_path))}: {error.message[:300]}" for error in errors]


def main(address, token):
    daemon = Daemon(address, token)
    document = daemon.json("/api/v1/openapi.json")
    schemas = {name: closed(one, document) for name, one in document["components"]["schemas"].items()}
    found, asked = [], 0
    for path, operation, filled in places(daemon, document):
        if not filled:
            found.append(f"{path}: there is nothing behind it to ask for")
        for one in filled:
            asked += 1
            found.extend(faults(daemon, document, schemas, operation, one))
    print("\n".join(found))
    print(f"{asked} asked, {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
