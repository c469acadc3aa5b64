"""The command line: each command a small module that is loaded when it is called."""

OBJECTS_BETWEEN_COLLECTIONS = 1_000_000
"""Loading libraries makes half a million objects and no garbage, so it is looked for only when a run makes more."""


def main() -> None:
    """Run the command that the program was called with, and exit with its code."""
    import atexit
    import gc

    from tessellar.cli.streams import open_closed_streams

    open_closed_streams()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    atexit.register(gc.freeze)  # the interpreter would free them one by one, though the process ends
    from tessellar.cli.program import program

    program.main()
