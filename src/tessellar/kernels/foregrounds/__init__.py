"""Separating what is smooth along frequency from what is not: statistics of a cube, and the filters they make."""
