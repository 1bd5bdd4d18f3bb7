"""The city list: names in any usual spelling to one city, or the reason why not; docs/cities.md."""

from innovatory.gazetteer.cityfile import City
from innovatory.gazetteer.gazetteer import Gazetteer, Resolution

__all__ = ["City", "Gazetteer", "Resolution"]
