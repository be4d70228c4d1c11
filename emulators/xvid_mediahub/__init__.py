from mediaglot.emulators.xvid_mediahub.dialect import MediaHub as Dialect  # noqa: F401
