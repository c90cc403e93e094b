#!/usr/bin/env python3
"""Writes the recordings: tests/scenarios/<case>/, tests/scenarios/noise/ and tools/demo-data/.

Every run makes the same bytes. Usage: generate.py [NAME…]
"""

import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from generator import cases_changes, cases_faults, cases_findings, cases_more, demo, noise  # noqa: E402


def main(names):
    makers = [*cases_changes.CASES, *cases_faults.CASES, *cases_more.CASES, *cases_findings.CASES]
    for maker in makers:
        case = maker()
        if not names or case.name in names:
            case.write(HERE)
            print(case.name, ", ".join(case.inputs))
    if not names or "noise" in names:
        print("noise", ", ".join(noise.make(HERE)))
    if not names or "demo" in names:
        folder = os.path.join(HERE, "..", "..", "tools", "demo-data")
        print("demo", ", ".join(demo.make(folder)))


if __name__ == "__main__":
    main(sys.argv[1:])
