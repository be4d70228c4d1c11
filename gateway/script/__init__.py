"""Scripted outcomes: what is to become of a job is told beforehand, in a source's URL, in rules or for all jobs.

``outcome`` has the words, ``blame`` the faults, ``rule`` the rules and ``path`` what they may look at. All of it is
pure; ``backends.scripted`` and ``backends.sim`` do what is told.
"""
