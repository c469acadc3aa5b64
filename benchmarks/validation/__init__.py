"""How well sources are found and measured, against made-up skies of which the truth is known."""
