"""Every frame of the vectors: whole, byte by byte, and cut at each point."""

import pytest

from dora_helpers import load_vectors
from dora.wire import frame_check, frame_pack, pack, unpack

VECTORS = load_vectors()


def named(vectors):
    return [pytest.param(vector, id=vector["name"]) for vector in vectors]


def options(vector):
    return {
        "sign": vector.get("signed", False),
        "gzip": vector.get("gzip", False),
        "salt": vector.get("salt", VECTORS["salt"]),
    }


def is_request(vector):
    return vector["name"].startswith("request_")


@pytest.mark.parametrize("vector", named(VECTORS["valid"]))
def test_valid_vectors_are_read(vector):
    frame = bytes.fromhex(vector["hex"])
    used, body, code, msg = frame_check(frame, request=is_request(vector), **options(vector))
    assert (used, code) == (len(frame), 0), msg
    if vector.get("message") is not None:
        assert unpack(body) == vector["message"]
    if "body" in vector and vector["body"] is not None:
        assert body == vector["body"].encode()
    # Values of every shape come back as the same bytes.
    assert pack(unpack(body)) == body
    start = 8 if vector.get("signed") else 4
    again = frame_pack(frame[start : start + 32], body, **options(vector))
    if vector.get("gzip"):
        assert frame_check(again, **options(vector))[1] == body
    else:
        assert again == frame


@pytest.mark.parametrize("vector", named(VECTORS["valid"]))
def test_valid_cut_at_each_point(vector):
    frame = bytes.fromhex(vector["hex"])
    for end in range(len(frame)):
        assert frame_check(frame[:end], request=True, **options(vector)) is None, end
    # What follows belongs to the next frame.
    used, _, code, _ = frame_check(frame + b"\0\0", **options(vector))
    assert (used, code) == (len(frame), 0)


@pytest.mark.parametrize("vector", named(VECTORS["invalid"]))
def test_invalid_vectors_are_refused(vector):
    frame = bytes.fromhex(vector["hex"])
    used, body, code, msg = frame_check(frame, request=True, **options(vector))
    assert code == vector["code"], msg
    assert body is None and msg
    assert used == (0 if vector["closes"] else len(frame))


@pytest.mark.parametrize("vector", named(VECTORS["invalid"]))
def test_invalid_byte_by_byte(vector):
    """No verdict changes: nothing, nothing, ..., then the code."""
    frame = bytes.fromhex(vector["hex"])
    view = memoryview(frame)
    verdict = None
    for end in range(len(frame) + 1):
        checked = frame_check(view[:end], request=True, **options(vector))
        if checked is None:
            assert verdict is None
            continue
        assert checked[2] == vector["code"]
        assert vector["closes"] or end == len(frame)
        verdict = checked[2]
    assert verdict == vector["code"]


def test_frames_in_a_row():
    plain = [v for v in VECTORS["valid"] if not v.get("signed") and not v.get("gzip")]
    stream = b"".join(bytes.fromhex(vector["hex"]) for vector in plain)
    at = 0
    for vector in plain:
        used, body, code, _ = frame_check(stream[at:])
        assert code == 0 and used == len(vector["hex"]) // 2
        at += used
    assert at == len(stream)


def test_frame_limit():
    guid = "0" * 32
    body = pack("x" * 1000)
    exact = 4 + 32 + len(body)
    assert len(frame_pack(guid, body, bytes_max=exact)) == exact
    with pytest.raises(Exception) as info:
        frame_pack(guid, body, bytes_max=exact - 1)
    assert info.value.code == 100206
    frame = frame_pack(guid, body)
    assert frame_check(frame, bytes_max=exact)[2] == 0
    assert frame_check(frame, bytes_max=exact - 1)[2] == 100206
    with pytest.raises(ValueError):
        frame_pack("short", body)
