"""What can go wrong, in the words of a user: each error says what was found, what was needed, what to do."""


class TessellarError(Exception):
    """The root of every error that Tessellar raises on purpose.

    ``exit_code`` is what the command line returns for it: 2 for a request that cannot be met as it was
    asked (usage), 3 for input that cannot be used.
    """

    exit_code = 2


class UsageError(TessellarError, ValueError):
    """The request itself is wrong: an unknown option, a value out of range, an output that is in the way."""


class FolderInUseError(UsageError):
    """Another run works in the folder at this moment."""


class OutputError(TessellarError, OSError):
    """The result cannot be written where it was asked for."""


class MemoryBudgetError(TessellarError, MemoryError):
    """The plan needs more memory than it may use."""


class InputError(TessellarError, ValueError):
    """The input cannot be used: truncated, empty, of the wrong kind or shape, or without data."""

    exit_code = 3


class CubeNotFoundError(InputError, FileNotFoundError):
    """There is no such cube."""


class DeviceMemoryError(MemoryBudgetError):
    """The device has too little memory for what it was asked to do."""


class NonDeterministicError(TessellarError, RuntimeError):
    """Two executions of the same tile disagree, so no result can be trusted."""


class StoppedError(TessellarError, RuntimeError):
    """The run was asked to stop; what is done is kept and the same command resumes it."""

    exit_code = 75
