"""The test double's own things, one of each for every world: journal, trouble on the wire, inbox.

A *world* is a whole house of its own, with its own jobs, clock and seed; a request's credential says in which one it
is answered. Nothing in here knows HTTP or a dialect.
"""
