"""What compiled code can ask of the machine: neighbours side by side in one register, lines of the cache, files."""
