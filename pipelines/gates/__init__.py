"""What a candidate must reach before it is registered: alone, and beside what serves today."""
