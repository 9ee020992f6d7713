"""Keys that were chosen to collide: in PHP's arrays, and in Python's dicts."""

import itertools


def same_low_bits(count, bits=20):
    """Ints that differ above their low bits alone, by which PHP places them."""
    return [number << bits for number in range(1, count + 1)]


def same_sum(count):
    """Strings that PHP's times-33 hash has one number for: Ez and FY have, too."""
    size = max(1, (count - 1).bit_length())
    return ["".join(parts) for parts in
            itertools.islice(itertools.product(("Ez", "FY"), repeat=size), count)]


def along_one_way(bits=15):
    """Ints for a dict with a table of 2**bits places: most stand one behind the other on the way
    that each search goes in the end; the last ones find only taken places before they come to it,
    and then walk along it."""
    size = 1 << bits
    mask = size - 1
    way, at = [], 1
    while len(way) < size * 6 // 10:
        way.append(at)
        at = (5 * at + 1) & mask
    number_of = {place: number for number, place in enumerate(way)}
    walkers, tried = [], 0
    while len(walkers) < size * 6 // 100:
        tried += 1
        key = (1 + tried // len(way)) << bits | way[tried % len(way)]
        perturb, at = key, key & mask
        while perturb and at in number_of:
            perturb >>= 5
            at = (5 * at + perturb + 1) & mask
        if number_of.get(at, size) < len(way) // 2:
            walkers.append(key)
    return way + walkers
