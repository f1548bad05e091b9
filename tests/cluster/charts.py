"""What the chart names."""

from __future__ import annotations

ALL_METRICS = {
    "service": {"enabled": True, "annotations": {"prometheus.io/scrape": "true"}},
    "serviceMonitor": {"enabled": True, "interval": "15s", "labels": {"release": "prometheus"}},
    "podMonitor": {"enabled": True},
    "rules": {
        "enabled": True,
        "labels": {"release": "prometheus"},
        "alertLabels": {"team": "support"},
        "spendUSD": 12.5,
    },
    "dashboard": {"enabled": True, "annotations": {"grafana_folder": "Nightsort"}},
}
