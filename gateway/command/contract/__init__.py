"""``mediaglot contract``: the commands that hold an implementation, or a recording, to a dialect's contract."""
