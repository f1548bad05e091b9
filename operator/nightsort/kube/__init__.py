"""The operator's side of kopf: handlers that call the flow, and the process that runs them."""
