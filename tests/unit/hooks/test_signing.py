"""Signatures as the specification's own example has them, and secrets that overlap."""

from datetime import UTC, datetime

from guestlist.hooks.signing import Signing, new_secret, signed
from guestlist.store.vault import Secret

# Of the test suites of the specification's libraries: https://github.com/standard-webhooks/standard-webhooks
KNOWN = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
AT = datetime.fromtimestamp(1614265330, UTC)


def test_a_known_signature() -> None:
    headers = signed("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', AT, [KNOWN])
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_an_old_secret_holds_until_its_end() -> None:
    first, second, third = new_secret(), new_secret(), new_secret()
    signing = Signing(secrets=((first, None),)).rotated(second, until=100, now=50)
    assert signing.at(99) == (second, first)
    assert signing.at(100) == (second,)
    assert Signing.opened(signing.sealed()) == signing
    assert signing.rotated(third, until=90, now=60).at(89) == (third, second, first)
    assert signing.rotated(third, until=90, now=60).at(95) == (third,)
    assert signing.rotated(third, until=300, now=60).at(150) == (third, second)  # a later rotation makes nothing longer
    assert signing.rotated(third, until=300, now=200).at(201) == (third, second)


def test_secrets_are_long_and_never_the_same() -> None:
    made = {new_secret().reveal() for _ in range(50)}
    assert len(made) == 50
    assert all(one.startswith("whsec_") and len(one) > 40 for one in made)
