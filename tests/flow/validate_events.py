#!/usr/bin/env python3
"""Every event that the dialogues saw on a channel must validate against the schema of what the gateway emits."""
import json
import pathlib
import sys

import jsonschema

schema = json.loads(pathlib.Path(sys.argv[1]).read_text())
validator = jsonschema.Draft202012Validator(schema)
seen = wrong = 0
for path in sorted(pathlib.Path(sys.argv[2]).glob("*.events")):
    for line in path.read_text().splitlines():
        event = json.loads(line)
        if "specversion" not in event:
            continue  # what a service said in brief, heard on its own channel
        seen += 1
        for error in validator.iter_errors(event):
            wrong += 1
            print(f"{path.name}: {error.json_path}: {error.message}\n  {line[:400]}")
print(f"{seen} events, {wrong} faults")
sys.exit(1 if wrong or not seen else 0)
