"""Who runs what, when, and what is remembered of it."""
