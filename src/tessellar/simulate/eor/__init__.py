"""Made-up low-frequency skies: foregrounds, the 21-cm signal of the epoch of reionisation, noise."""
