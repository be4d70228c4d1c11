"""The verbs of the command line but ``serve``, a module each with its ``run``; how they show things is ``screen``."""
