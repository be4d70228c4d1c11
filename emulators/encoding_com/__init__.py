from mediaglot.emulators.encoding_com.dialect import EncodingCom as Dialect  # noqa: F401
