"""The flow's interfaces to the world. Each Protocol has a runnable fake, real adapters and one contract suite."""

from nightsort.ports.batch_api import BatchApi
from nightsort.ports.category_sets import CategorySets
from nightsort.ports.clock import Clock
from nightsort.ports.config_maps import ConfigMaps, SharedConfigMaps
from nightsort.ports.connections import Connections
from nightsort.ports.corrections import CorrectionStore
from nightsort.ports.events import Events
from nightsort.ports.examples import Indexer
from nightsort.ports.ledger import Ledger
from nightsort.ports.messages import MessagesApi
from nightsort.ports.metrics import Metrics
from nightsort.ports.place import Placed
from nightsort.ports.secrets import Secrets
from nightsort.ports.sink import ClaimedSink, KeyedSink, LabeledSink, ReportingSink, ReusableSink, Sink
from nightsort.ports.source import ChangingSource, DescribedSource, Source
from nightsort.ports.traces import Traces

__all__ = [
    "BatchApi",
    "CategorySets",
    "ChangingSource",
    "ClaimedSink",
    "Clock",
    "ConfigMaps",
    "Connections",
    "CorrectionStore",
    "DescribedSource",
    "Events",
    "Indexer",
    "KeyedSink",
    "LabeledSink",
    "Ledger",
    "MessagesApi",
    "Metrics",
    "Placed",
    "ReportingSink",
    "ReusableSink",
    "Secrets",
    "SharedConfigMaps",
    "Sink",
    "Source",
    "Traces",
]
