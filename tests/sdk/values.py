"""Values that must not leave, all reserved for documentation or tests, and how to find them in any dress."""

import base64
import json
import re
import urllib.parse

EMAIL = "jane.doe@example.com"
PAN = "4111 1111 1111 1111"
AWS_KEY = "AKIAIOSFODNN7EXAMPLE"
SSN = "078-05-1120"
IBAN = "DE89 3704 0044 0532 0130 00"

SECRETS = [EMAIL, PAN, AWS_KEY]
PROMPT = f"Write to {EMAIL}, charge {PAN}, rotate {AWS_KEY}. Grüße an Zoë 🙂"

PLACEHOLDER = re.compile(r"\[[A-Z][A-Z0-9_]*_[0-9A-HJKMNP-TV-Z]{6}\]")


def dresses(secret):
    """The secret as itself and as it would look in common encodings."""
    raw = secret.encode()
    return {
        secret,
        secret.replace(" ", ""),
        secret.replace(" ", "-"),
        json.dumps(secret).strip('"'),
        json.dumps(json.dumps(secret)).strip('"'),
        urllib.parse.quote(secret),
        base64.b64encode(raw).decode().rstrip("="),
        raw.hex(),
    }


def leaks(text, secrets=SECRETS):
    """Which secrets are to be found in the text."""
    lower = text.lower()
    return [secret for secret in secrets if any(dress.lower() in lower for dress in dresses(secret))]


def assert_only_placeholders(text, secrets=SECRETS, at_least=None):
    found = leaks(text, secrets)
    assert not found, f"{len(found)} planted value(s) reached the provider"
    count = len(PLACEHOLDER.findall(text))
    wanted = len(secrets) if at_least is None else at_least
    assert count >= wanted, f"the provider saw {count} placeholder(s), expected {wanted} or more"


def in_arguments(seen):
    """What a tool's arguments must hold, from what the provider saw: addresses come back, while cards and keys stay
    placeholders, because arguments leave the caller's hands again (threats.md, "placeholder forgery")."""
    text = seen if isinstance(seen, str) else "\n".join(part["text"] for part in seen)
    text = re.sub(r"#scenario:\S+ ", "", text)
    restored = re.sub(r"\[EMAIL_[0-9A-Z]{6}\]", EMAIL, text)
    assert EMAIL in restored and PLACEHOLDER.search(restored)
    assert not leaks(restored, [PAN, AWS_KEY])
    return restored


def last_content(provider):
    """The last message's content as the provider saw it."""
    return provider.last()["body"]["messages"][-1]["content"]
