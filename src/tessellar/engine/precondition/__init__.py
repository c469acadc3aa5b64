"""What is done to a cube before it is searched, while it is read: cut out, flag, invert, weigh, subtract."""
