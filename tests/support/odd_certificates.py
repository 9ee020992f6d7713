"""Certificates of names that no tool would write: the bytes of a good one, changed and signed."""

import ssl
import subprocess


def _length(size):
    if size < 0x80:
        return bytes([size])
    text = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(text)]) + text


def _wrap(tag, content):
    return bytes([tag]) + _length(len(content)) + content


def _split(data):
    """The first element of DER: its whole bytes, and what stands behind it."""
    size, head = data[1], 2
    if size & 0x80:
        head = 2 + (size & 0x7f)
        size = int.from_bytes(data[2:head], "big")
    return data[:head + size], data[head + size:], data[head:head + size]


def forge(certificates, name, like, old, new):
    """A certificate of the CA, NAME.pem: that of `like` with `new` in place of `old`, which is as
    long. Its key is that of `like`."""
    assert len(old) == len(new)
    der = subprocess.run(["openssl", "x509", "-in", certificates.cert(like), "-outform", "DER"],
                         check=True, stdout=subprocess.PIPE).stdout
    _, _, inside = _split(der)
    body, rest, _ = _split(inside)
    algorithm, _, _ = _split(rest)
    assert old in body
    body = body.replace(old, new)
    signature = subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", certificates.key("ca")], input=body, check=True,
        stdout=subprocess.PIPE).stdout
    whole = _wrap(0x30, body + algorithm + _wrap(0x03, b"\0" + signature))
    with open(certificates.cert(name), "w", encoding="ascii") as file:
        file.write(ssl.DER_cert_to_PEM_cert(whole))
