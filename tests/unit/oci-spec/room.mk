# Unit tests of the room oci-spec: filled as the room grows.
