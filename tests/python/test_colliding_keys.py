"""Dicts whose keys were chosen to collide are refused, not built for seconds; others are built."""

import random

import pytest

from dora.wire import pack, unpack
from support import collide, v1

WHY = "keys collide"


def test_a_way_that_others_walk_along():
    keys = collide.along_one_way()
    with pytest.raises(ValueError, match=WHY) as caught:
        unpack(v1.dump(dict.fromkeys(keys)))
    assert " at byte " in str(caught.value)


def test_many_such_dicts_in_one_value():
    """None of them alone is too much."""
    keys = collide.along_one_way(12)
    some = v1.dump(dict.fromkeys(keys))
    assert unpack(some) == dict.fromkeys(keys)
    count = 64
    many = b"a:%d:{%s}" % (count, b"".join(b"i:%d;%s" % (i, some) for i in range(count)))
    with pytest.raises(ValueError, match=WHY):
        unpack(many)


@pytest.mark.parametrize("keys", [
    range(1, 60000),
    range(0, 60000 << 20, 1 << 20),
    [number * 1000003 for number in range(60000)],
    [-number for number in range(1, 60000)],
    ["key-%d" % number for number in range(60000)],
    collide.same_sum(5000),
    [0, 1, 2, *range(10, 60000)],
    random.Random(7).sample(range(2**62), 60000),
], ids=["row", "steps", "products", "negative", "strings", "sums", "list first", "random"])
def test_keys_that_nobody_has_chosen(keys):
    value = dict.fromkeys(keys, True)
    assert unpack(v1.dump(value)) == value
    assert unpack(pack(value)) == value


def test_a_key_twice():
    pairs = b"".join(b"i:%d;i:%d;" % (number % 1000 + 5, number) for number in range(5000))
    assert unpack(b"a:5000:{%s}" % pairs) == {key + 5: 4000 + key for key in range(1000)}
