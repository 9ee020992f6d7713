"""The protocol's bytes, for tests and tools. Source: core/PROTOCOL.md."""

from ._dora import frame_check as frame_check
from ._dora import frame_pack as frame_pack
from ._dora import pack as pack
from ._dora import unpack as unpack

__all__ = ["frame_check", "frame_pack", "pack", "unpack"]
