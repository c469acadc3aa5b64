"""The command line: each command a small module that is loaded when it is called."""

OBJECTS_BETWEEN_COLLECTIONS = 100_000
"""Loading libraries makes hundreds of thousands of objects and no garbage: looking for it every 700 is a tenth of it."""


def main() -> None:
    """Run the command that the program was called with, and exit with its code."""
    import gc

    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    from tessellar.cli.program import program

    program.main()
