"""Addresses that stand for others are judged by these."""

import pytest

from app.addresses import is_link_local, is_public


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "10.0.0.1",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::7f00:1",
        ),
        *("2002:7f00:1::", "fec0::1", "fe80::1%lo", "fd00:ec2::254", "224.0.0.1", "ff02::1", "2002:c0a8:1::"),
    ],
)
def test_what_is_or_stands_for_a_private_address_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_stay_so(address: str) -> None:
    assert is_public(address)
    assert not is_link_local(address)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "::ffff:a9fe:a9fe",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::",
        "fe80::1",
        "fd00:ec2::254",
    ],
)
def test_services_of_credentials_are_link_local_in_every_spelling(address: str) -> None:
    assert is_link_local(address)
    assert not is_link_local("10.0.0.1")
    assert not is_link_local("::1")
