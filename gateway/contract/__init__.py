"""Holding others to a dialect's contract: what is wrong with an exchange, said so that a program and a person find the
place. Pure: no socket, no file but a dialect's own material, no clock."""
