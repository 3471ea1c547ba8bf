# Unit tests of the room mount: filled as the room grows.
