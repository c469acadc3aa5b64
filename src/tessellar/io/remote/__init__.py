"""Cubes in object stores and on web servers: read where they lie, by ranges of bytes."""
