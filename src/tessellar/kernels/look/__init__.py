"""A second look at single candidates: what is cut out for it, in which frame, and the small network that looks."""
