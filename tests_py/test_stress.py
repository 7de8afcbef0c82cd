"""A short turn of the randomised stress; `make stress` is the long one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

STRESS = Path(__file__).parent.parent / "bench" / "stress.py"
SECONDS = "12"
SEED = "20"


def test_every_invariant_holds_under_random_load(admin_dsn: str) -> None:
    command = [sys.executable, str(STRESS), "--seconds", SECONDS, "--seed", SEED]
    run = subprocess.run(
        [*command, "--workers", "4", "--clients", "3", "--dsn", admin_dsn],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    done = {name: int(n) for n, name in re.findall(r"^ *(\d+)  (.+)$", run.stdout, re.MULTILINE)}
    # It did what it is there for.
    for name in (
        "finished", "joins handed over", "killed", "drained", "signal delivered", "told of done",
        "gd_cancel_many cancelled", "schedule steady fired", "schedule alone skipped",
    ):  # fmt: skip
        assert done.get(name, 0) > 0, run.stdout
