"""Profiles in the protobuf format of pprof, gzip-compressed as its tools expect them."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from unkey_proto.perftools.profiles import profile_pb as pb

from unkey_api.profiling.stacks import Place, Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileKind:
    """What the values of a profile mean."""

    values: tuple[tuple[str, str], ...]
    """Name and unit of each value."""
    period: tuple[str, str] = ("", "")
    period_length: int = 0


@dataclass(slots=True)
class _Tables:
    """What a profile refers to by number."""

    texts: dict[str, int] = field(default_factory=lambda: {"": 0})
    functions: dict[tuple[str, str, int], pb.Function] = field(default_factory=dict)
    locations: dict[Place, pb.Location] = field(default_factory=dict)

    def text(self, text: str) -> int:
        return self.texts.setdefault(text, len(self.texts))

    def location(self, place: Place) -> int:
        known = self.locations.get(place)
        if known is None:
            line = pb.Line(function_id=self._function(place), line=place.line)
            known = self.locations[place] = pb.Location(id=len(self.locations) + 1, line=[line])
        return known.id

    def _function(self, place: Place) -> int:
        key = (place.function, place.file, place.first_line)
        known = self.functions.get(key)
        if known is None:
            name = self.text(place.function)
            known = self.functions[key] = pb.Function(
                id=len(self.functions) + 1,
                name=name,
                system_name=name,
                filename=self.text(place.file),
                start_line=place.first_line,
            )
        return known.id


def encode_profile(
    kind: ProfileKind, samples: Mapping[Stack, Sequence[int]], *, taken_ms: int, seconds: float = 0.0
) -> bytes:
    """Return the profile of these stacks; each has one value per value of `kind`."""
    tables = _Tables()
    profile = pb.Profile(
        sample_type=[pb.ValueType(type=tables.text(name), unit=tables.text(unit)) for name, unit in kind.values],
        sample=[
            pb.Sample(location_id=[tables.location(place) for place in stack], value=list(values))
            for stack, values in samples.items()
        ],
        time_nanos=taken_ms * 1_000_000,
        duration_nanos=int(seconds * 1_000_000_000),
        period_type=pb.ValueType(type=tables.text(kind.period[0]), unit=tables.text(kind.period[1])),
        period=kind.period_length,
    )
    profile.location = list(tables.locations.values())
    profile.function = list(tables.functions.values())
    profile.string_table = list(tables.texts)
    return gzip.compress(profile.to_binary(), compresslevel=6)
