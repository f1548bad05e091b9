"""Makes plain manifests of what `helm template` prints: a namespace for them, and none of Helm's own marks.

Usage: helm template nightsort charts/nightsort --namespace nightsort --skip-tests | manifests.py > deploy/operator.yaml
"""

from __future__ import annotations

import sys
from typing import Any

import yaml

HEADER = (
    "# Rendered from charts/nightsort by `make manifests`; do not edit. Change it by kustomize, or use the chart.\n"
)
NAMESPACE = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {
        "name": "nightsort",
        "labels": {
            "app.kubernetes.io/name": "nightsort",
            "pod-security.kubernetes.io/enforce": "restricted",
        },
    },
}
HELMS = ("helm.sh/chart", "helm.sh/resource-policy", "app.kubernetes.io/managed-by")


def plain(rendered: str) -> str:
    documents = [NAMESPACE, *(without_marks(document) for document in yaml.safe_load_all(rendered) if document)]
    return HEADER + yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True, width=120)


def without_marks(node: Any) -> Any:
    """The document without Helm's labels and annotations, at every depth; a map that is empty then is left out."""
    if isinstance(node, list):
        return [without_marks(each) for each in node]
    if not isinstance(node, dict):
        return node
    kept = {key: without_marks(value) for key, value in node.items() if key not in HELMS}
    return {key: value for key, value in kept.items() if not (key == "annotations" and value == {})}


if __name__ == "__main__":
    sys.stdout.write(plain(sys.stdin.read()))
