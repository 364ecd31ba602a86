"""Certificates for tests, made in memory: authorities, servers by name, people by XMPP address (RFC 6120 13.7.1.4)."""
import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

XMPP_ADDR = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.5")


def utf8_string(text):
    """The DER of it; short forms only."""
    data = text.encode()
    assert len(data) < 128
    return b"\x0c" + bytes([len(data)]) + data


class Identity:
    """A key and its certificate; signed by issuer, or by itself."""

    def __init__(self, name, names=(), addresses=(), issuer=None, days=30, is_authority=False):
        now = datetime.datetime.utcnow()
        self.key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        start = now - datetime.timedelta(days=60 if days < 0 else 1)
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer.certificate.subject if issuer else subject)
                   .public_key(self.key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(start).not_valid_after(now + datetime.timedelta(days=days))
                   .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True))
        also = [x509.DNSName(one) for one in names] + [x509.OtherName(XMPP_ADDR, utf8_string(one)) for one in addresses]
        if also:
            builder = builder.add_extension(x509.SubjectAlternativeName(also), critical=False)
        self.certificate = builder.sign(issuer.key if issuer else self.key, hashes.SHA256())

    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def der(self):
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def key_pem(self):
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())

    def write(self, folder, name):
        """name.crt and name.key; the settings that name them."""
        crt, key = folder / f"{name}.crt", folder / f"{name}.key"
        crt.write_bytes(self.pem())
        key.write_bytes(self.key_pem())
        return {"tls__certificate": str(crt), "tls__key": str(key)}
