"""Secrets: where values come from, and what people are told when there is none; never the value."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from nightsort.adapters.kubernetes.client import connected
from nightsort.adapters.kubernetes.secrets import KubeSecrets
from nightsort.adapters.local.environment_secrets import EnvSecrets, variable
from nightsort.api.credentials import SecretRef
from nightsort.domain.errors import Stalled
from nightsort.ports import Secrets
from tests.cluster.controlplane.plane import ControlPlane

REF = SecretRef(name="anthropic", key="api-key")
VALUE = "sk-ant-very-secret"


@dataclass
class Place:
    """A store of Secrets; `put` makes the Secret `anthropic` with these values, as its owner would."""

    secrets: Secrets
    namespace: str
    put: Callable[[Mapping[str, str]], None]


@asynccontextmanager
async def env(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    documents: list[dict[str, Any]] = []
    place = Place(EnvSecrets((), {}), "support", lambda values: None)

    def put(values: Mapping[str, str]) -> None:
        documents.append({"metadata": {"name": "anthropic", "namespace": "support"}, "stringData": dict(values)})
        place.secrets = EnvSecrets(documents, {})

    place.put = put
    yield place


@asynccontextmanager
async def kube(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    plane: ControlPlane = request.getfixturevalue("plane")
    namespace: str = request.getfixturevalue("namespace")

    def put(values: Mapping[str, str]) -> None:
        literals = [f"--from-literal={key}={value}" for key, value in values.items()]
        plane.kubectl("create", "secret", "generic", "anthropic", "-n", namespace, *literals)
        plane.kubectl("label", "secret", "anthropic", "-n", namespace, "nightsort.dev/allow=true")

    async with connected(str(plane.kubeconfig)) as client:
        yield Place(KubeSecrets(client), namespace, put)


Open = Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[Place]]


@pytest.fixture(params=[env, pytest.param(kube, marks=pytest.mark.cluster)], ids=lambda kind: kind.__name__)
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    kind: Open = request.param
    async with kind(request) as place:
        yield place


async def test_a_value_is_read_without_the_blanks_around_it(place: Place) -> None:
    place.put({"api-key": f"{VALUE}\n"})

    assert await place.secrets.read(place.namespace, REF) == VALUE


async def test_a_missing_secret_is_told_with_its_name_and_key(place: Place) -> None:
    with pytest.raises(Stalled, match=r"Secret anthropic is not in .*api-key") as told:
        await place.secrets.read(place.namespace, REF)

    assert told.value.reason == "SecretMissing"


async def test_a_missing_key_is_told_without_the_values_of_others(place: Place) -> None:
    place.put({"password": VALUE})

    with pytest.raises(Stalled, match=r"Secret anthropic .* key api-key") as told:
        await place.secrets.read(place.namespace, REF)

    assert told.value.reason == "SecretKeyMissing"
    assert VALUE not in told.value.message


async def test_an_empty_value_is_none(place: Place) -> None:
    place.put({"api-key": " \n"})

    with pytest.raises(Stalled, match="key api-key") as told:
        await place.secrets.read(place.namespace, REF)

    assert told.value.reason == "SecretKeyMissing"


async def test_a_secret_of_another_namespace_is_not_there(place: Place) -> None:
    place.put({"api-key": VALUE})

    with pytest.raises(Stalled) as told:
        await place.secrets.read("default", REF)

    assert told.value.reason == "SecretMissing"


async def test_all_values_are_read_without_the_blanks_around_them(place: Place) -> None:
    place.put({"access_key_id": "AK\n", "region": "eu-west-1"})

    assert await place.secrets.read_all(place.namespace, "anthropic") == {"access_key_id": "AK", "region": "eu-west-1"}


async def test_a_missing_secret_is_told_with_its_name(place: Place) -> None:
    with pytest.raises(Stalled, match="Secret anthropic is not in") as told:
        await place.secrets.read_all(place.namespace, "anthropic")

    assert told.value.reason == "SecretMissing"


async def test_a_secret_without_keys_is_told(place: Place) -> None:
    place.put({})

    with pytest.raises(Stalled, match="Secret anthropic ") as told:
        await place.secrets.read_all(place.namespace, "anthropic")

    assert told.value.reason == "SecretKeyMissing"


# --- of the cluster alone ------------------------------------------------------------------------------------------


@pytest.mark.cluster
async def test_a_secret_whose_owner_has_not_opted_in_is_not_used(plane: ControlPlane, namespace: str) -> None:
    plane.kubectl("create", "secret", "generic", "anthropic", "-n", namespace, f"--from-literal=api-key={VALUE}")

    async with connected(str(plane.kubeconfig)) as client:
        with pytest.raises(Stalled) as told:
            await KubeSecrets(client).read(namespace, REF)

        assert told.value.reason == "SecretNotAllowed"
        assert VALUE not in told.value.message
        with pytest.raises(Stalled, match="kubectl label secret anthropic"):
            await KubeSecrets(client).read_all(namespace, "anthropic")
        advice = told.value.message.split("kubectl ")[1]
        plane.kubectl(*advice.split())
        assert await KubeSecrets(client).read(namespace, REF) == VALUE


@pytest.mark.cluster
async def test_a_value_that_is_no_text_is_told(plane: ControlPlane, namespace: str) -> None:
    encoded = base64.b64encode(b"\xff\xfe").decode()
    plane.kubectl(
        "create", "-n", namespace, "-f", "-",
        input="apiVersion: v1\nkind: Secret\n"
        f'metadata: {{name: anthropic, labels: {{nightsort.dev/allow: "true"}}}}\ndata: {{api-key: {encoded}}}\n',
    )  # fmt: skip

    async with connected(str(plane.kubeconfig)) as client:
        with pytest.raises(Stalled, match="the value of key api-key is not text"):
            await KubeSecrets(client).read(namespace, REF)
        with pytest.raises(Stalled, match="the value of key api-key is not text"):
            await KubeSecrets(client).read_all(namespace, "anthropic")


# --- of local mode alone -------------------------------------------------------------------------------------------


def document(**parts: Any) -> dict[str, Any]:
    return {"kind": "Secret", "metadata": {"name": "anthropic"}, **parts}


async def test_a_reference_stands_for_a_variable() -> None:
    assert await EnvSecrets((), {"ANTHROPIC_API_KEY": VALUE}).read("default", REF) == VALUE


async def test_variables_with_a_secrets_name_in_front_stand_for_its_keys() -> None:
    environ = {"S3_ACCESS_KEY_ID": VALUE, "S3_REGION": "eu-west-1", "S4_REGION": "other", "REGION": "other"}

    read = await EnvSecrets((), environ).read_all("default", "s3")

    assert read == {"access_key_id": VALUE, "region": "eu-west-1"}


async def test_the_variable_is_named_when_it_is_missing() -> None:
    with pytest.raises(Stalled, match="set the environment variable ANTHROPIC_API_KEY, or add a Secret anthropic"):
        await EnvSecrets((), {}).read("default", REF)


def test_what_a_variable_cannot_be_named_with_becomes_an_underscore() -> None:
    assert variable(SecretRef(name="tickets-db.eu", key="url.1")) == "TICKETS_DB_EU_URL_1"


async def test_a_secret_of_the_file_goes_before_the_environment() -> None:
    secrets = EnvSecrets([document(stringData={"api-key": VALUE})], {"ANTHROPIC_API_KEY": "other"})

    assert await secrets.read("default", REF) == VALUE


async def test_data_is_base64() -> None:
    encoded = base64.b64encode(VALUE.encode()).decode()

    assert await EnvSecrets([document(data={"api-key": f"{encoded}\n"})], {}).read("default", REF) == VALUE


@pytest.mark.parametrize("value", [VALUE, "////", 12345])
async def test_data_that_is_not_base64_of_text_is_told_without_the_value(value: Any) -> None:
    with pytest.raises(Stalled, match="Secret anthropic: ") as told:
        await EnvSecrets([document(data={"api-key": value})], {}).read("default", REF)

    assert told.value.reason == "SecretInvalid"
    assert str(value) not in told.value.message
