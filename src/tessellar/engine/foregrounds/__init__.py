"""Foreground separation on the engine: two passes over a cube, and what tells how well they did."""
