"""A driver of its own process, for tests that stop or kill it: ``drive.py FOLDER EXECUTOR SCRIPT [ADDRESS]``."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from scripted import DRIVER, ScriptedStage

from tessellar.engine.executors import make_executor
from tessellar.engine.journal import Journal
from tessellar.engine.partials import PartialStore
from tessellar.engine.run import run_stage
from tessellar.errors import TessellarError


def main() -> int:
    folder, name, script = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
    os.environ[DRIVER] = str(os.getpid())
    stage = ScriptedStage(
        folder / "calls", 60, {int(unit): tuple(actions) for unit, actions in script.items()}
    )
    try:
        with make_executor(name, 2, *sys.argv[4:]) as executor, Journal(folder) as journal:
            partials = PartialStore(folder / "partials")
            run_stage(stage, executor=executor, partials=partials, journal=journal, target_seconds=0.05)
    except TessellarError as error:
        print(error, flush=True)
        return error.exit_code
    except KeyboardInterrupt as error:
        print(error, flush=True)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
