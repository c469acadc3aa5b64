"""Teaching networks what galaxies in noise look like: skies made up on the fly, losses, the loop, calibration."""
