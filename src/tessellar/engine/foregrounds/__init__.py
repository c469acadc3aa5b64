"""Running a separation of foregrounds over a cube: what it needs to know of the whole, and the cube without them."""
