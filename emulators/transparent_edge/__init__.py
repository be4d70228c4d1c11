from mediaglot.emulators.transparent_edge.dialect import TransparentEdge as Dialect  # noqa: F401
