"""What the Python tests of the server share."""
