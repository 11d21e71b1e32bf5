# SPDX-License-Identifier: MIT
"""What the checking scripts share: the project's files, C text without comments and strings, and how a finding is told.

No parser of C: the house style (braces of functions in column 0) makes lines enough.
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def files(*folders, ends=(".c", ".h")):
    """Paths relative to the root, sorted; build/ and hidden folders are left out."""
    found = []
    for folder in folders:
        for path, names, leaves in os.walk(os.path.join(ROOT, folder)):
            names[:] = sorted(n for n in names if n not in ("build", "__pycache__", "corpus") and not n.startswith("."))
            found += [os.path.relpath(os.path.join(path, leaf), ROOT) for leaf in leaves if leaf.endswith(ends)]
    return sorted(found)


def text(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as stream:
        return stream.read()


def blank(match):
    """The same number of lines, so that line numbers stay right."""
    word = match.group(0)
    if word[0] == '"':
        return '""'
    if word[0] == "'":
        return "0"
    return " " + "\n" * word.count("\n")


def code(path):
    """The text without comments, and with all strings empty; #include lines keep theirs."""
    pattern = r'^[ \t]*#[ \t]*include[^\n]*|/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, lambda m: m.group(0) if m.group(0).lstrip()[0] == "#" else blank(m), text(path),
                  flags=re.S | re.M)


def code_lines(path):
    return list(enumerate(code(path).split("\n"), 1))


def includes(path):
    """(line, name) of each #include "name" and, with its brackets, #include <name>."""
    for number, line in code_lines(path):
        match = re.match(r'\s*#\s*include\s*(?:"([^"]+)"|(<[^>]+>))', line)
        if match:
            yield number, match.group(1) or match.group(2)


class Findings:
    """Collects `file:line: what` and ends the script: 0 with one line of praise, or 1."""

    def __init__(self):
        self.lines = []

    def add(self, path, line, what):
        self.lines.append(f"{path}:{line}: {what}")

    def finish(self, praise):
        if not self.lines:
            print(praise)
            sys.exit(0)
        print("\n".join(self.lines))
        sys.exit(1)
