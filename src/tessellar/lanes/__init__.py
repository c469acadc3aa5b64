"""Neighbouring numbers side by side in one register of the processor, for loops that are nothing but arithmetic."""
