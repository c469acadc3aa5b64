"""``python -m tessellar`` is the command ``tessellar``."""

from tessellar.cli import main

if __name__ == "__main__":
    main()
