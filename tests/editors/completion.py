"""The long check of completion: types in a workflow file as a person does in an editor, and judges what is offered.

Usage: completion.py TAPLO YIZHAN

TAPLO is Taplo's program with a language server (that of `pip install taplo`; the one from npm has none), YIZHAN the
built `yizhan`, whose `yizhan schema` is judged. Each thing that is not offered, or is not explained, is told in a line;
the exit code is 0 if there is none, else 1. No ordinary run of the tests does this: run it when the schema changes."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading

# Longer than a busy machine needs; nothing is measured with it.
PATIENCE = 120


class Editor:
    """The client's side of the protocol, as far as it is needed here."""

    def __init__(self, taplo, folder):
        command = [taplo, "lsp", "--no-auto-config", "stdio"]
        pipe = subprocess.PIPE
        # What it says before it falls is let through, its news are not, nor that the catalogue out there is not reached.
        environment = {**os.environ, "RUST_LOG": "off"}
        self.server = subprocess.Popen(command, cwd=folder, stdin=pipe, stdout=pipe, env=environment)
        # A server that says nothing more is ended, and reading from it with it.
        self.end = threading.Timer(PATIENCE, self.server.kill)
        self.end.daemon = True
        self.end.start()
        self.number = 0
        self.folder = folder
        root = folder.as_uri()
        workspace = {"configuration": True, "workspaceFolders": True}
        markdown = {"completion": {"completionItem": {"documentationFormat": ["markdown"]}}}
        self.ask("initialize", {
            "processId": None, "rootUri": root, "workspaceFolders": [{"uri": root, "name": "home"}],
            "capabilities": {"workspace": workspace, "textDocument": markdown},
        })
        self.tell("initialized", {})

    def send(self, message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.server.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.server.stdin.flush()

    def receive(self):
        length = None
        while (line := self.server.stdout.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode().partition(":")
            if name.lower() == "content-length":
                length = int(value)
        if length is None:
            raise SystemExit("the language server has ended or says nothing")
        return json.loads(self.server.stdout.read(length))

    def tell(self, method, params):
        self.send({"method": method, "params": params})

    def ask(self, method, params):
        self.number += 1
        self.send({"id": self.number, "method": method, "params": params})
        while True:
            message = self.receive()
            if "method" in message and "id" in message:
                # The server asks for its settings: none are set.
                items = message.get("params", {}).get("items", [])
                self.send({"id": message["id"], "result": [None for _ in items]})
            elif message.get("id") == self.number and "method" not in message:
                return message.get("result")

    def at(self, number, text):
        """Opens a file whose cursor is at the `|`; where that is."""
        before, after = text.split("|")
        uri = (self.folder / "workflows" / f"f{number}.toml").as_uri()
        document = {"uri": uri, "languageId": "toml", "version": 1, "text": before + after}
        self.tell("textDocument/didOpen", {"textDocument": document})
        line, column = before.count("\n"), len(before.rsplit("\n", 1)[-1])
        return {"textDocument": {"uri": uri}, "position": {"line": line, "character": column}}

    def close(self):
        self.ask("shutdown", None)
        self.tell("exit", None)
        self.server.stdin.close()
        self.server.wait()
        self.end.cancel()


HEAD = "#:schema ../schema/workflow.json\n"
STEP = HEAD + 'title = "x"\n\n[step.pay]\n'
NESTED = HEAD + 'title = "x"\n[step.a.step.b.step.c.step.d]\n'

# Where the cursor is, what must be offered there, and what may not be.
KEYS = [
    (HEAD + "|\n", ["title", "owner", "input", "trigger", "step", "output"], ["needs"]),
    (STEP + "|\n", ["use", "ask", "check", "await", "needs", "when", "each", "on", "undo"], ["trigger"]),
    (STEP + 'ask = "starter"\n\nd|\n', ["due", "form", "on_error", "approve", "undo", "extend"], ["ask"]),
    (NESTED + "|\n", ["use", "ask", "check", "needs"], ["trigger"]),
    (STEP + 'use = "register.append"\nwith.|\n', ["with.register", "with.entry", "with.only_if"], ["register"]),
    (STEP + 'use = "register.append"\nwith = { | }\n', ["register", "entry", "only_if"], ["ask"]),
    (STEP + 'use = "register.append"\n[step.pay.with]\n|\n', ["register", "entry", "only_if"], ["ask"]),
    (STEP + 'ask = "starter"\n[step.pay.form]\nok = { | }\n', ["label", "type", "required", "options"], ["ask"]),
    (STEP + 'ask = "starter"\n[step.pay.undo]\n|\n', ["use", "with", "form"], ["undo"]),
    (HEAD + 'title = "x"\n[trigger.daily]\n|\n', ["schedule", "mail", "event", "gather", "missed"], ["ask"]),
]

# The values that a key takes.
VALUES = [
    (STEP + 'use = "|"\n', ['"event.publish"', '"register.append"']),
    (STEP + 'ask = "starter"\napprove = "|"\n', ['"one"', '"all"']),
    (HEAD + 'title = "x"\non_duplicate = "|"\n', ['"allow"', '"join"', '"reject"']),
]

# What is under the cursor, and words that its explanation has.
EXPLAINED = [
    (HEAD + 'ti|tle = "x"\n', "call it"),
    # Of an array that is not empty, Taplo explains nothing whatever the schema.
    (STEP + 'ne|eds = []\n', "must be over first"),
    (STEP + 'ask = "starter"\nfo|rm = {}\n', "asked of the person"),
    (STEP + 'use = "register.append"\nwith.reg|ister = "x"\n', "`register.append`"),
]


def offered(editor, number, text):
    """Each label that is offered at the cursor, with its explanations."""
    answer = editor.ask("textDocument/completion", editor.at(number, text)) or []
    found = {}
    for item in answer["items"] if isinstance(answer, dict) else answer:
        documentation = item.get("documentation") or {}
        found.setdefault(item["label"], []).append(documentation.get("value", ""))
    return found


def judged(editor):
    """What is wrong, a line for each thing."""
    number = 0
    for text, wanted, unwanted in KEYS:
        number += 1
        found = offered(editor, number, text)
        for key in wanted:
            if key not in found:
                yield f"the key `{key}` is not offered at | in:\n{text}"
            elif not any(found[key]):
                yield f"the key `{key}` is offered without a word of explanation at | in:\n{text}"
        for key in unwanted:
            if key in found:
                yield f"the key `{key}` is offered, and may not stand at | in:\n{text}"
    for text, wanted in VALUES:
        number += 1
        found = offered(editor, number, text)
        yield from (f"the value {value} is not offered at | in:\n{text}" for value in wanted if value not in found)
    for text, words in EXPLAINED:
        number += 1
        told = editor.ask("textDocument/hover", editor.at(number, text))
        if words not in json.dumps(told, ensure_ascii=False):
            yield f"no explanation with \"{words}\" at | in:\n{text}"


def main(taplo, yizhan):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder).resolve()
        for name in ["config", "schema", "workflows"]:
            (folder / name).mkdir()
        schema = folder / "schema/workflow.json"
        subprocess.run([yizhan, "schema", "--home", folder, "--lang", "en", "-o", schema], check=True, stdout=subprocess.DEVNULL)
        editor = Editor(taplo, folder)
        wrong = list(judged(editor))
        editor.close()
    print("\n".join(wrong) or "everything that was looked for is offered and explained")
    return 1 if wrong else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
