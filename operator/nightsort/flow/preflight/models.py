"""The model of a run: one that can be used, or an answer with those that can."""

from __future__ import annotations

from nightsort.api.spec import Spec
from nightsort.domain.batch import ModelFacts
from nightsort.domain.errors import Interruption, Rejected
from nightsort.domain.model_choice import choices
from nightsort.domain.prices import PriceTable, takes_geo
from nightsort.domain.reasons import Reason
from nightsort.ports import BatchApi


async def model_of(spec: Spec, api: BatchApi, prices: PriceTable, where: str = "spec.model") -> ModelFacts:
    """The spec's model, if batches can be run on it, where the spec asks for it.

    Raises:
        Rejected: it is unknown, retired, not for batches, or takes no place. Waiting, Stalled: the API cannot be asked.
    """
    if spec.inference_geo is not None and not takes_geo(spec.model):
        raise Rejected(
            f"spec.inferenceGeo: {spec.model!r} ({where}) cannot be told where to run, and the API would refuse every "
            "request: leave inferenceGeo out, or name a model of 4.6 or later",
            reason=Reason.MODEL_WITHOUT_GEO,
        )
    return await usable_model(spec.model, api, prices, where)


async def usable_model(name: str, api: BatchApi, prices: PriceTable, where: str = "spec.model") -> ModelFacts:
    """The model, if batches can be run on it.

    Raises:
        Rejected: it is unknown, retired or not for batches; the message has models that are there, with their prices.
    """
    model = await api.model(name)
    try:
        return usable(name, model, where)
    except Rejected as refused:
        others = choices(name, await offered(api, prices), prices)
        raise Rejected(f"{refused.message}. {others}" if others else refused.message, reason=refused.reason) from None


async def offered(api: BatchApi, prices: PriceTable) -> list[str]:
    """The models that the API has for batches; those of the price table where it cannot be asked now."""
    try:
        catalogue = await api.catalogue()
    except Interruption:
        return list(prices.prices)
    return [model.id for model in catalogue.models if model.batch and not model.retired]


def usable(name: str, model: ModelFacts | None, where: str = "spec.model") -> ModelFacts:
    """
    Raises:
        Rejected: it is unknown, retired or not for batches.
    """
    if model is None:
        raise Rejected(f"{where}: the API knows no model {name!r}", reason=Reason.UNKNOWN_MODEL)
    if model.retired:
        raise Rejected(f"{where}: {name!r} is retired", reason=Reason.MODEL_RETIRED)
    if not model.batch:
        raise Rejected(f"{where}: {name!r} cannot be used in batches", reason=Reason.MODEL_WITHOUT_BATCHES)
    return model
