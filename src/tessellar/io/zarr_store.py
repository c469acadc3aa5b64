"""Cubes in Zarr: read box by box from any store, written shard by shard."""

from tessellar.io.zarr_read import ZarrSource
from tessellar.io.zarr_write import ZarrSink

__all__ = ["ZarrSink", "ZarrSource"]
