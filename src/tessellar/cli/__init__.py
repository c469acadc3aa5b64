"""The command line: each command a small module that is loaded when it is called."""


def main() -> None:
    """Run the command that the program was called with, and exit with its code."""
    from tessellar.cli.program import program

    program.main()
