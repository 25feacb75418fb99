"""A certificate authority, server certificates and an issuer of tokens, as a test needs them."""

import base64
import datetime
import ipaddress
import json
import time

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LIFE = datetime.timedelta(days=1)


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject, issuer, key):
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - LIFE)
        .not_valid_after(now + LIFE)
    )


def write_server(folder):
    """ca.pem, cert.pem and key.pem of a server at 127.0.0.1."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _builder("test authority", "test authority", ca_key)
    authority = authority.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    authority = authority.sign(ca_key, hashes.SHA256())
    server = _builder("test server", "test authority", key)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    server = server.add_extension(names, critical=False).sign(ca_key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(authority.public_bytes(pem))
    (folder / "cert.pem").write_bytes(server.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(private)


class Issuer:
    """Signs tokens; its public key stands in a key set."""

    url, audience = "https://idp.example.com/", "sidewall"

    def __init__(self, kid="k1"):
        self.kid = kid
        self.key = ec.generate_private_key(ec.SECP256R1())

    def jwks(self):
        numbers = self.key.public_key().public_numbers()
        number = lambda n: base64.urlsafe_b64encode(n.to_bytes(32, "big")).rstrip(b"=").decode()
        key = {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.kid}
        return json.dumps({"keys": [{**key, "x": number(numbers.x), "y": number(numbers.y)}]})

    def token(self, subject, roles, **more):
        claims = {
            "iss": self.url,
            "aud": self.audience,
            "sub": subject,
            "org_id": "acme",
            "roles": roles,
            "exp": int(time.time()) + 600,
            **more,
        }
        return jwt.encode(claims, self.key, algorithm="ES256", headers={"kid": self.kid})
