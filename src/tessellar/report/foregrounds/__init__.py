"""What a separation of foregrounds did to a cube, for people."""
