"""The form of a property's definition: the fields of its type, the constraint in words, a sample held against it."""

from __future__ import annotations

from collections.abc import Collection

from glancetui.definitions.documents import property_of
from glancetui.definitions.values import Judge
from glancetui.definitions.words import constraint
from glancetui.errors import BadRequest
from glancetui.tui.boxes.form import FormBox, Values, faulty
from glancetui.tui.drafts import USELESS, property_from


class DefinitionForm(FormBox):
    def useless(self, values: Values) -> Collection[str]:
        return USELESS[values["type"]]

    def told(self, values: Values) -> tuple[str, str]:
        if not values["name"]:
            return "Name the property: it is the key, after the prefix of each resource type.", ""
        try:
            name, document = property_from(values)
            definition = property_of(name, document, name)
        except BadRequest as error:
            return str(error), faulty(str(error), self.fields)
        takes = f"Takes {constraint(definition)}."
        if not values["sample"]:
            return takes, ""
        faults = Judge(definition).faults(values["sample"])
        return (f"{takes} {faults[0].sentence}", "sample") if faults else (f"The sample is right. {takes}", "")
