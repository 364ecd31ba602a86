"""The program run in the shell, for tests of its commands."""
import os
import pathlib
import subprocess

from conftest import BINARY


def run(*words, input=None, timeout=60, **environment):
    return subprocess.run([BINARY, *map(str, words)], input=input, text=True, capture_output=True, timeout=timeout,
                          env={**os.environ, **environment})


def one_line(text):
    """The only line of it."""
    lines = text.splitlines()
    assert len(lines) == 1, text
    return lines[0]


# -- user import --


def is_sanitized():
    return b"__asan_init" in pathlib.Path(BINARY).read_bytes()
