"""What a machine that stands still may spoil once is tried again: a fault is there each time."""


def until(is_right, scene, tries=5):
    """What `scene()` gives, once that is right; an error with all that it gave where it never
    is."""
    found = []
    while not found or not is_right(found[-1]):
        assert len(found) < tries, found
        found.append(scene())
    return found[-1]
