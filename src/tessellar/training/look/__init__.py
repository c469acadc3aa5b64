"""Teaching the networks of the second look, from candidates that the finder made of simulated skies."""
