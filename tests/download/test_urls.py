"""Addresses are shown and stored without what is secret in them."""

import pytest

from senticli.download.urls import proxy_without_password, without_password


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
    ],
)
def test_passwords_and_queries_are_left_out(address: str, shown: str) -> None:
    assert without_password(address) == shown


@pytest.mark.parametrize("password", ["secret", "se/cret", "s@e?c#t", "1/2"])
def test_passwords_of_proxies_are_left_out(password: str) -> None:
    assert proxy_without_password(f"http://user:{password}@proxy:3128") == "http://proxy:3128"
    assert proxy_without_password(f"user:{password}@proxy:3128") == "proxy:3128"
