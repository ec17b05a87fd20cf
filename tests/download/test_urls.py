"""Addresses are shown and stored without what is secret in them."""

import re

import pytest

from senticli.download.http import open_client
from senticli.download.urls import check_url, proxy_without_password, without_password
from senticli.errors import SenticliError, UsageError


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://host/a/b.zip", "https://host/a/b.zip"),
        ("https://user:secret@host:8080/a.zip", "https://host:8080/a.zip"),
        ("https://user:se/cret@host/a.zip", "https://host/a.zip"),
        ("https://user:s@e#c?t@host/a.zip", "https://host/a.zip"),
        ("https://host/pkg@1.0/a.zip", "https://host/pkg@1.0/a.zip"),
        ("https://host/a.zip?sig=secret&x=a@b", "https://host/a.zip"),
        ("https://user:1/2@host/a.zip#part", "https://host/a.zip"),
        ("https://host:80/a.zip?x=a@b&sig=secret", "https://host:80/a.zip"),
        ("https://user:secret@host/a.zip?x=a@b&sig=secret", "https://host/a.zip"),
    ],
)
def test_passwords_and_queries_are_left_out(address: str, shown: str) -> None:
    assert without_password(address) == shown


@pytest.mark.parametrize("password", ["secret", "se/cret", "s@e?c#t", "1/2"])
def test_passwords_of_proxies_are_left_out(password: str) -> None:
    assert proxy_without_password(f"http://user:{password}@proxy:3128") == "http://proxy:3128"
    assert proxy_without_password(f"user:{password}@proxy:3128") == "proxy:3128"


@pytest.mark.parametrize(
    "address",
    [
        "https://me:qqx/zz@host/a",
        "https://me:qqx?zz@host/a",
        "https://me:qqx#zz@host/a",
        "https://me:qqx\N{ACCOUNT OF}zz@host/a",
        "https://me:qqx@zz@host:x/a",
        "https://me:qqx@zz@[/a",
    ],
)
def test_errors_about_urls_quote_no_password(address: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_url(address, "--from")
    assert not re.search("qqx|zz", f"{caught.value} {caught.value.hint}")


@pytest.mark.parametrize("proxy", ["http://me:qqx/zz@proxy", "gopher://qqx:zz@proxy"])
def test_errors_about_proxies_quote_no_password(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(SenticliError, match="network cannot be set up") as caught:
        open_client("https://host/a.zip")
    assert not re.search("qqx|zz", str(caught.value))
