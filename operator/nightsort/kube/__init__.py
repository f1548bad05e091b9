"""The operator's side of kopf: handlers that ring the flow, and the process that runs them."""
