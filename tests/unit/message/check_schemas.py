"""Holds the two JSON Schemas to the code: every event that is emitted validates, and what services may say is the same
in brief.schema.json as in event_read().

usage: check_schemas.py EMIT_EVENTS TEST_EVENT_READ SCHEMA_FOLDER
"""
import json
import pathlib
import subprocess
import sys

from jsonschema import Draft202012Validator

STANZAS = 2275
# What a schema cannot say: how JSON is written, and what two fields say together.
BEYOND_SCHEMAS = {"not-json", "not-utf-8", "duplicate-key", "too-deep", "too-big"}
BEYOND_BRIEF = {"a language twice, once plain"}


def load(folder, name):
    schema = json.loads(pathlib.Path(folder, name).read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def definition(validator, kind):
    """The part of the schema for one type: its errors are the ones to read, and it is quicker than oneOf."""
    schema = dict(validator.schema)
    schema["oneOf"] = [branch for branch in schema["oneOf"] if branch["properties"]["type"]["const"] == kind]
    return Draft202012Validator(schema)


def check_emitted(validator, program):
    lines = subprocess.run([program], check=True, capture_output=True).stdout.decode().split("\n")[:-1]
    by_kind = {kind: definition(validator, kind) for kind in validator.schema["properties"]["type"]["enum"]}
    seen = dict.fromkeys(by_kind, 0)
    wrong = 0
    for line in lines:
        event = json.loads(line)
        seen[event["type"]] += 1
        for error in by_kind[event["type"]].iter_errors(event):
            wrong += 1
            print(f"emitted, but invalid: {error.message}\n  {line[:600]}")
    print(f"{len(lines)} events: {seen}")
    assert len(lines) > 2 * STANZAS and all(seen.values()), "events are missing"
    for line in lines[:200] + lines[-10:]:
        validator.validate(json.loads(line))
    return wrong


def check_strict(validator, program):
    """The schema notices when something is wrong: each change of a good event is refused."""
    event = json.loads(subprocess.run([program], check=True, capture_output=True).stdout.decode().split("\n")[0])
    wrong = 0
    for change in ({"id": "1"}, {"type": "xmpp.memo"}, {"time": "now"}, {"source": "juliet@example.com"}, {"more": 1},
                   {"data": {**event["data"], "boddy": "x"}}, {"data": {**event["data"], "extensions": [{"xmlns": "x"}]}}):
        if validator.is_valid({**event, **change}):
            wrong += 1
            print(f"invalid, but not for the schema: {change}")
    return wrong


def check_brief(validator, program):
    rows = subprocess.run([program, "--rows"], check=True, capture_output=True).stdout.split(b"\0")
    compared = wrong = 0
    for row in filter(None, rows):
        name, verdict, text = (part.decode(errors="surrogateescape") for part in row.split(b"\t", 2))
        if verdict in BEYOND_SCHEMAS or name in BEYOND_BRIEF:
            continue
        compared += 1
        valid = validator.is_valid(json.loads(text))
        if valid != (verdict == "taken"):
            wrong += 1
            print(f"{name}: {'valid' if valid else 'invalid'} by the schema, {verdict} by the code\n  {text}")
    print(f"{compared} events of services compared")
    assert compared > 80
    return wrong


def main(emit_events, event_read, folder):
    event, brief = load(folder, "event.schema.json"), load(folder, "brief.schema.json")
    wrong = check_emitted(event, emit_events) + check_strict(event, emit_events) + check_brief(brief, event_read)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
