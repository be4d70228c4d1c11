"""The test double in Python: ``mediaglot.testing`` has the names that are for use.

What is asked and what an answer means is pure, in ``plan``; ``sync`` and ``asynchronous`` only carry it. Nothing here
is loaded but what is used, as pytest loads the plug-in for everybody who has it installed.
"""
