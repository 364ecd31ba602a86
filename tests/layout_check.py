#!/usr/bin/env python3
"""Holds the includes to the arrows of the layout: what touches a socket stays in transports/, the core does no I/O.  And
holds the README to what is there: the files and the settings that it names."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOP = {"gateway", "transports", "include", "tests", "deploy", "CMakeLists.txt", "README.md", "LICENSE"}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.M)
# Sockets, event loops and TLS connections; hashing (openssl/evp.h, hmac.h, rand.h, crypto.h) is no I/O.
IO = re.compile(r"^(libwebsockets|ev\.h|uv\.h|hiredis/|openssl/(ssl|bio)\.h|sys/(socket|epoll|un)\.h|netinet/|arpa/|netdb\.h|poll\.h)")


def faults():
    for entry in ROOT.iterdir():
        if not entry.name.startswith(".") and entry.name not in TOP and not entry.name.startswith("build"):
            yield f"{entry.name}: not one of the rooms of the top level"
    for path in sorted(ROOT.glob("gateway/**/*.[ch]")):
        name = path.relative_to(ROOT)
        for included in INCLUDE.findall(path.read_text()):
            if name.as_posix() == "gateway/main.c":
                continue
            if IO.match(included):
                yield f"{name}: includes {included}; only transports/ touches sockets"
            if included.startswith("transports/"):
                yield f"{name}: includes {included}; the core knows transports by include/stanzabus/ only"
            other = re.match(r"gateway/(\w+)/", included)
            if other and other.group(1) != name.parts[1]:
                yield f"{name}: includes {included}; stages know each other by include/stanzabus/ only"
    for path in sorted(ROOT.glob("include/**/*.h")):
        for included in INCLUDE.findall(path.read_text()):
            if included.startswith(("gateway/", "transports/")) or IO.match(included):
                yield f"{path.relative_to(ROOT)}: includes {included}; a contract depends on contracts only"
    for path in sorted(ROOT.glob("transports/**/*.[ch]")):
        for included in INCLUDE.findall(path.read_text()):
            if included.startswith("gateway/"):
                yield f"{path.relative_to(ROOT)}: includes {included}; transports know the core by include/stanzabus/ only"
    # A test file that no CMakeLists names would never run.
    for path in sorted(ROOT.glob("tests/**/*_test.c")):
        words = set(re.findall(r"\w+", (path.parent / "CMakeLists.txt").read_text()))
        if not words & {path.stem, path.stem.removesuffix("_test")}:
            yield f"{path.relative_to(ROOT)}: not registered in its CMakeLists.txt"


def faults_of_readme():
    text = (ROOT / "README.md").read_text()
    named = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    named += re.findall(r"(?<![\w/.-])((?:gateway|transports|include|tests|deploy)/[\w./-]*\w)(?![\w<*{])", text)
    for name in sorted(set(named)):
        if not (ROOT / name).exists():
            yield f"README.md: names {name}, which is not there"
    keys = set(re.findall(r'^    \{ "([a-z0-9_.]+)"', (ROOT / "gateway/config/keys.c").read_text(), re.M))
    for row in re.findall(r"^\| (`.*?`) \|", text.split("## Settings")[1].split("\n## ")[0], re.M):
        group = ""
        for key in re.findall("`([^`]+)`", row):
            group = key.split(".")[0] if not key.startswith(".") else group
            if (group + key if key.startswith(".") else key) not in keys | {f"{group}.*"}:
                yield f"README.md: names the setting {key}, which is not there"


found = [*faults(), *faults_of_readme()]
for fault in found:
    print(fault)
sys.exit(1 if found else 0)
