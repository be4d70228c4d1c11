from mediaglot.emulators.tpstreams.dialect import TPStreams as Dialect  # noqa: F401
