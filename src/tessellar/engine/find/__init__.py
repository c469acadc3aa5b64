"""Source finding as four stages: calibrate, detect, stitch, measure."""
