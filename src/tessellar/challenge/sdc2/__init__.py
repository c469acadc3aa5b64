"""SKA Data Challenge 2: HI sources found and characterised, and the score that the challenge gave for them."""
