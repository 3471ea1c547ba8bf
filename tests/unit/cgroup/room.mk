# Unit tests of the room cgroup: filled as the room grows.
