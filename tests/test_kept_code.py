"""Code that is compiled once, whoever asks first, and never lost or taken for another."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba.core import event

from tessellar import kept_code

MODULE = """
import numba
import numpy as np
from tessellar.kept_code import compile_once

@numba.njit(cache=True)
def doubled(values):
    out = np.empty_like(values)
    for i in range(values.size):
        out[i] = 2 * values[i]
    return out

compile_once(doubled)
"""

# says that it is there, waits for the word, and prints how many functions it compiled
PROCESS = """
import sys
import numpy as np
from numba.core import event
from functions import doubled

print("there", flush=True)
sys.stdin.readline()
with event.install_recorder("numba:compile") as recorder:
    assert doubled(np.array([3], sys.argv[1])) == [6]
names = [e.data["dispatcher"].py_func.__name__ for _, e in recorder.buffer if e.is_start]
print(names.count("doubled"))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a module, whose code will be kept there too."""
    (tmp_path / "functions.py").write_text(MODULE)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kept"))
    monkeypatch.setattr("numba.config.CACHE_DIR", str(tmp_path / "kept"))
    return tmp_path


def test_processes_that_begin_together_compile_a_function_once(folder: Path) -> None:
    assert sorted(compiled_by(folder, "float32", "float32")) == [0, 1]


def test_types_that_are_compiled_together_are_both_kept(folder: Path) -> None:
    assert compiled_by(folder, "float32", "float64") == [1, 1]
    assert compiled_by(folder, "float32", "float64") == [0, 0]


def test_kept_code_is_loaded_without_what_compiles(folder: Path) -> None:
    assert compiled_by(folder, "float64") == [1]
    program = """
import sys
import numpy as np
from functions import doubled
assert doubled(np.array([3.0])) == [6]
assert "numba.np.arraymath" not in sys.modules
assert doubled(np.array([3], "int16")) == [6]
assert "numba.np.arraymath" in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], cwd=folder, check=True)


def test_who_waits_in_vain_compiles_for_itself_and_keeps_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_code, "PATIENCE", 0.1)
    function = loaded(folder)
    with lock_of(function).open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert compiles(function) == 1
    assert not list(Path(function._cache.cache_path).glob("*.nb?"))
    assert compiles(loaded(folder)) == 1
    assert compiles(loaded(folder)) == 0


def test_files_that_cannot_be_locked_are_kept_as_ever(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError("no locks on this file system")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    assert compiles(loaded(folder)) == 1
    assert compiles(loaded(folder)) == 0


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("size", [0, 40])
def test_a_file_that_a_crash_cut_short_is_made_anew(folder: Path, suffix: str, size: int) -> None:
    function = loaded(folder)
    assert compiles(function) == 1
    (file,) = Path(function._cache.cache_path).glob(f"*.{suffix}")
    file.write_bytes(file.read_bytes()[:size])
    assert compiles(loaded(folder)) == 1
    assert compiles(loaded(folder)) == 0


def test_a_full_disk_costs_only_that_it_is_compiled_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr("numba.core.caching.IndexDataCacheFile.save", full)
        assert compiles(loaded(folder)) == 1
    assert compiles(loaded(folder)) == 1
    assert compiles(loaded(folder)) == 0


def test_an_error_of_the_compiler_lets_the_next_one_try(folder: Path) -> None:
    function = loaded(folder)
    with pytest.raises(Exception, match="size"):
        function("no array")
    with lock_of(function).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def loaded(folder: Path) -> Any:
    """Return the function as a process that has just begun finds it."""
    spec = spec_from_file_location("functions", folder / "functions.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.doubled


def compiles(function: Callable[..., Any]) -> int:
    """Return how often it is compiled for a call, which must give the right answer."""
    with event.install_recorder("numba:compile") as recorder:
        assert np.array_equal(function(np.arange(3.0)), [0.0, 2.0, 4.0])
    return sum(e.is_start and e.data["dispatcher"] is function for _, e in recorder.buffer)


def lock_of(function: Any) -> Path:
    """Return the file that is locked while the function is compiled."""
    kept = function._cache
    assert isinstance(kept, kept_code.KeptCode)
    Path(kept.cache_path).mkdir(parents=True, exist_ok=True)
    return kept.lock


def compiled_by(folder: Path, *types: str) -> list[int]:
    """Return how often each of some processes that begin together compiled the function for its type."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": folder}
    processes = [subprocess.Popen([sys.executable, "-c", PROCESS, name], **pipes) for name in types]
    for process in processes:
        assert process.stdout.readline() == "there\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    return [int(process.communicate()[0]) for process in processes]
