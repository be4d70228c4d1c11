"""Settings: flag before environment before file, and complaints that name what is wrong and where."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from mediaglot.gateway import config
from mediaglot.gateway.config import ConfigError, Settings


def given(*words: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    config.flags(parser)
    return vars(parser.parse_args(words))


def written(folder: Path, text: str) -> Path:
    path = folder / "mediaglot.toml"
    path.write_text(text)
    return path


def test_without_a_word_the_defaults_hold() -> None:
    assert config.load(given(), {}) == Settings()


def test_a_flag_beats_the_environment_which_beats_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, 'port = 1\nworkers = 2\nhost = "::1"\n')
    environment = {"MEDIAGLOT_CONFIG": str(path), "MEDIAGLOT_PORT": "3", "MEDIAGLOT_WORKERS": "4"}
    settings = config.load(given("--port", "5"), environment)
    assert (settings.port, settings.workers, settings.host) == (5, 4, "::1")


def test_the_flag_for_the_file_beats_its_variable(tmp_path: Path) -> None:
    path = written(tmp_path, "workers = 7\n")
    assert config.load(given("--config", str(path)), {"MEDIAGLOT_CONFIG": "/nowhere"}).workers == 7


def test_an_empty_variable_says_nothing() -> None:
    assert config.load(given(), {"MEDIAGLOT_PORT": ""}).port == Settings().port


@pytest.mark.heavy
def test_every_setting_has_a_flag_a_variable_and_a_key(tmp_path: Path) -> None:
    """The same value by each of the three ways."""
    examples = {int: "17", float: "1.5", str: "x", bool: "true", type(Path()): "there", tuple: "one"}
    for item in config._plain():
        choices = [each for each in item.metadata.get("choices", ()) if each != item.default]
        text = (choices or [examples[type(item.default)]])[-1]
        if item.metadata.get("least", 0) > 17:
            text = str(item.metadata["least"])
        flag = f"--{item.name.replace('_', '-')}"
        words: tuple[str, ...] = (flag, text)
        if isinstance(item.default, bool):
            text = str(not item.default).lower()
            words = (f"--no-{flag[2:]}" if item.default else flag,)
        literal = text if isinstance(item.default, (int, float)) else f'["{text}"]'
        literal = f'"{text}"' if isinstance(item.default, (str, Path)) else literal
        path = written(tmp_path, f"{item.name} = {literal}\n")
        values = {
            getattr(config.load(given(*words), {}), item.name),
            getattr(config.load(given(), {f"MEDIAGLOT_{item.name.upper()}": text}), item.name),
            getattr(config.load(given("--config", str(path)), {}), item.name),
        }
        assert len(values) == 1, item.name
        assert values != {item.default}, item.name


def test_several_values_by_each_way(tmp_path: Path) -> None:
    path = written(tmp_path, 'allow_dir = ["/a", "/b"]\ndialects = ["one,x=1", "two"]\n')
    from_file = config.load(given("--config", str(path)), {})
    from_flags = config.load(
        given("--allow-dir", "/a", "--allow-dir", "/b", "--dialects", "one,x=1", "--dialects", "two"), {}
    )
    from_environment = config.load(given(), {"MEDIAGLOT_ALLOW_DIR": "/a:/b", "MEDIAGLOT_DIALECTS": "one,x=1;two"})
    assert from_file == from_flags == from_environment
    assert from_file.allow_dir == (Path("/a"), Path("/b"))
    assert from_file.dialects == ("one,x=1", "two")


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"MEDIAGLOT_PORT": "many"}, "MEDIAGLOT_PORT: 'many' is not a whole number"),
        ({"MEDIAGLOT_PORT": "65536"}, "MEDIAGLOT_PORT: '65536' is more than 65535"),
        ({"MEDIAGLOT_WORKERS": "-1"}, "MEDIAGLOT_WORKERS: '-1' is less than 0"),
        ({"MEDIAGLOT_BACKEND": "magic"}, "MEDIAGLOT_BACKEND: 'magic' is not one of auto, ffmpeg, simulated"),
        ({"MEDIAGLOT_DURABLE": "perhaps"}, "MEDIAGLOT_DURABLE: 'perhaps' is not true or false"),
        ({"MEDIAGLOT_FETCH_STALL": "nan"}, "MEDIAGLOT_FETCH_STALL: 'nan' is not a number"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_its_origin(environment: dict[str, str], complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(given(), environment)
    assert str(caught.value) == complaint


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("prot = 1", "there is no setting called 'prot'; did you mean 'port'?"),
        ("allow-dir = ['x']", "there is no setting called 'allow-dir'; did you mean 'allow_dir'?"),
        ("colour = 1", "there is no setting called 'colour'"),
        ("port = 80.5", "port: 80.5 is not a whole number"),
        ("workers = true", "workers: True is not a whole number"),
        ("host = 5", "host: 5 is not a text"),
        ("allow_dir = [1]", "allow_dir: [1] is not a list of texts"),
        ("port = ", "Invalid value"),
        ("[[accounts.encoding_com]]\nname = 'x'", "wants name = ... and secret = ..."),
        ("accounts = 3", "wants name = ... and secret = ..."),
        (
            "[[accounts.echo]]\nname = 'x'\nsecret = 'y'\npolcy = 'strict'",
            "there is no 'polcy', but name, secret, policy",
        ),
        ("[[providers.acme]]\ndialect = 'echo'", "a provider is written as [providers.NAME], once"),
        ("[[providers]]\ndialect = 'echo'", "a provider is written as [providers.NAME], once"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        config.load(given("--config", str(path)), {})
    assert str(caught.value).startswith(str(path))
    assert complaint in str(caught.value)


def test_a_file_in_another_encoding_is_said_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "mediaglot.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"it is no text in UTF-8"):
        config.load(given("--config", str(path)), {})


def test_a_double_asks_no_other_providers() -> None:
    with pytest.raises(ConfigError, match="double: a test double asks no other providers"):
        config.usable(Settings(double=True, providers={"acme": {"dialect": "echo", "url": "http://h"}}))


def test_a_file_that_is_not_there_names_flag_and_variable() -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml: No such file.*--config or MEDIAGLOT_CONFIG"):
        config.load(given("--config", "nowhere.toml"), {})


@pytest.mark.parametrize(
    "url", ["foo", "media.example.com", "ftp://h", "http://", "http://u:p@h", "http://h/?a=b", "http://h x"]
)
def test_an_external_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="is no base URL such as"):
        config.usable(Settings(url=url))


def test_an_external_url_may_have_a_port_and_a_path() -> None:
    assert config.usable(Settings(url="https://[::1]:8443/transcoder/")).url.endswith("/")


def test_days_are_not_called_seconds() -> None:
    parser = argparse.ArgumentParser()
    config.flags(parser)
    text = parser.format_help()
    assert "--keep-jobs DAYS" in text
    assert "--fetch-time SECONDS" in text


def test_credentials_come_from_the_file_only_and_never_print(tmp_path: Path) -> None:
    path = written(tmp_path, "[[accounts.encoding_com]]\nname = '100'\nsecret = 'hush'\n")
    settings = config.load(given("--config", str(path)), {})
    (credential,) = settings.accounts["encoding_com"]
    assert (credential.name, credential.secret.reveal()) == ("100", "hush")
    assert "hush" not in repr(settings)
    assert not hasattr(argparse.Namespace(**given()), "accounts")


def test_storage_by_each_way_and_as_a_table(tmp_path: Path) -> None:
    table = written(tmp_path, '[storage]\n"s3://films/a=b" = "/srv/films"\n"ftp://host" = "rel"\n')
    wanted = {"s3://films/a=b": Path("/srv/films"), "ftp://host": Path("rel").resolve()}
    pairs = ("s3://films/a=b=/srv/films", "ftp://host=rel")
    for settings in (
        config.load(given("--config", str(table)), {}),
        config.load(given("--storage", pairs[0], "--storage", pairs[1]), {}),
        config.load(given(), {"MEDIAGLOT_STORAGE": ";".join(pairs)}),
    ):
        assert config.folders(settings.storage) == wanted


@pytest.mark.parametrize("pair", ["s3://films", "=/srv", "s3://films="])
def test_storage_that_is_no_pair_is_named(pair: str) -> None:
    with pytest.raises(ConfigError, match="is not URL=DIR"):
        config.folders([pair])


def test_the_mail_servers_password_has_no_flag_and_never_prints(tmp_path: Path) -> None:
    path = written(tmp_path, 'smtp_password = "hush"\n')
    settings = config.load(given("--config", str(path)), {})
    assert settings.smtp_password.reveal() == "hush"
    assert "hush" not in repr(settings)
    assert not hasattr(argparse.Namespace(**given()), "smtp_password")
    environment = {"MEDIAGLOT_SMTP_PASSWORD": "whisper"}
    assert config.load(given("--config", str(path)), environment).smtp_password.reveal() == "whisper"
    with pytest.raises(ConfigError) as caught:
        config.load(given("--config", str(written(tmp_path, "smtp_password = 4711"))), {})
    assert "smtp_password: it is not a text" in str(caught.value)
    assert "4711" not in str(caught.value)


@pytest.mark.parametrize("name", ["smtp_password", "data_key", "data_key_old", "control_token"])
def test_secrets_come_from_the_environment_or_the_file_and_never_print(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, f'{name} = "from the file"\n')
    by_file = config.load(given("--config", str(path)), {})
    by_variable = config.load(given("--config", str(path)), {f"MEDIAGLOT_{name.upper()}": "from outside"})
    assert getattr(by_file, name).reveal() == "from the file"
    assert getattr(by_variable, name).reveal() == "from outside"
    assert [one.reveal() for one in by_variable.secrets] == ["from outside"]
    assert "from outside" not in repr(by_variable)
    with pytest.raises(SystemExit):
        given(f"--{name.replace('_', '-')}", "x")


STORES = """
[[s3]]
bucket = "films"
endpoint = "http://127.0.0.1:9000/"
style = "path"
access_key = "OWN"
secret_key = "hush"
session_token = "whisper"

[[s3]]
domain = "Amazonaws.com"
region = "eu-west-1"
"""


def test_object_stores_by_table_and_by_variable(tmp_path: Path) -> None:
    variables = {"MEDIAGLOT_S3_ENDPOINT": "https://store.example", "MEDIAGLOT_S3_REGION": ""}
    settings = config.load(given("--config", str(written(tmp_path, STORES))), variables)
    outside, films, amazon = settings.s3
    assert (outside.url, outside.region, outside.bucket) == ("https://store.example", "", "")
    assert (films.url, films.style, films.bucket) == ("http://127.0.0.1:9000", "path", "films")
    assert films.keys is not None
    assert films.keys.user == "OWN"
    assert (amazon.domain, amazon.region, amazon.keys) == ("amazonaws.com", "eu-west-1", None)
    assert {one.reveal() for one in settings.secrets} == {"hush", "whisper"}
    assert "hush" not in repr(settings)
    assert "whisper" not in repr(settings)


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ('[s3]\nbucket = "films"', "is not a list of tables"),
        ('[[s3]]\nbucket = "films"', "neither endpoint nor region nor access_key"),
        ("[[s3]]\nendpoint = 9000", "not a table of texts"),
        ('[[s3]]\nendpoint = "http://h"\nplace = "x"', "there is no 'place' in it"),
        ('[[s3]]\nendpoint = "ftp://h"', "endpoint is an http or https URL"),
        ('[[s3]]\nendpoint = "http://ann:hush@h"', "endpoint is an http or https URL"),
        ('[[s3]]\nendpoint = "http://h"\nstyle = "virtual"', "style is path or host"),
        ('[[s3]]\nendpoint = "http://h"\nbucket = "a/b"', "bucket is no name"),
        ('[[s3]]\nregion = "EU West"', "region is no name"),
        ('[[s3]]\naccess_key = "hush"', "go together"),
        ('[[s3]]\nendpoint = "http://h"\nsecret_key = "hush"', "go together"),
    ],
)
def test_an_object_store_that_cannot_be_used_is_named(tmp_path: Path, table: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as caught:
        config.load(given("--config", str(written(tmp_path, table))), {})
    assert "hush" not in str(caught.value)


def test_topics_by_table_and_by_variable(tmp_path: Path) -> None:
    table = (
        '[[sns]]\ntopic = "arn:aws:sns:*:films"\naccess_key = "OWN"\nsecret_key = "hush"\nendpoint = "http://h:1/"\n'
    )
    names = {"TOPIC": "*", "ACCESS_KEY": "K", "SECRET_KEY": "whisper", "SESSION_TOKEN": "murmur"}
    variables = {f"MEDIAGLOT_SNS_{name}": value for name, value in names.items()}
    settings = config.load(given("--config", str(written(tmp_path, table))), variables)
    outside, films = settings.sns
    assert (outside.topic, outside.keys.user, outside.url) == ("*", "K", "")
    assert (films.topic, films.keys.user, films.url) == ("arn:aws:sns:*:films", "OWN", "http://h:1")
    assert {one.reveal() for one in settings.secrets} == {"hush", "whisper", "murmur"}
    assert not any(secret in repr(settings) for secret in ("hush", "whisper", "murmur"))


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ("[sns]", "sns is not a list of tables"),
        ('[[sns]]\naccess_key = "K"\nsecret_key = "hush"', "it wants topic, access_key and secret_key"),
        ('[[sns]]\ntopic = "*"', "it wants topic, access_key and secret_key"),
        ('[[sns]]\ntopic = "*"\nsecret_key = "hush"', "go together"),
        ('[[sns]]\ntopic = "films"\naccess_key = "K"\nsecret_key = "hush"', "topic is an ARN"),
        ('[[sns]]\ntopic = "*"\naccess_key = "K"\nsecret_key = "hush"\nregion = "x"', "there is no 'region' in it"),
        ('[[sns]]\ntopic = "*"\naccess_key = "K"\nsecret_key = "hush"\nendpoint = "h"', "endpoint is an http"),
    ],
)
def test_a_topic_that_cannot_be_used_is_named(tmp_path: Path, table: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as caught:
        config.load(given("--config", str(written(tmp_path, table))), {})
    assert "hush" not in str(caught.value)


def test_what_is_secret_leaves_the_environment() -> None:
    secrets = ("DATA_KEY", "S3_SECRET_KEY", "SNS_ACCESS_KEY", "SNS_SESSION_TOKEN", "PROVIDER_ACME_2_SECRET")
    others = {"MEDIAGLOT_SNS_TOPIC": "*", "MEDIAGLOT_S3_ENDPOINT": "https://h", "PATH": "/bin"}
    environment = others | {f"MEDIAGLOT_{name}": "hush" for name in secrets}
    config.forget(environment)
    assert environment == others
