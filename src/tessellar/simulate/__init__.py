"""Made-up skies whose truth is known."""
