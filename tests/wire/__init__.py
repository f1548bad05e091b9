"""The simulator on the wire: the vendor's SDK and the vendor's OpenAPI document decide whether it is faithful."""
