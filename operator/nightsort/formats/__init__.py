"""Files as people have them: tickets in, rows out. No network, no flow.

A person's export is read through `opening.open_table`, `columns.find_columns`, `exports.survey` and
`exports.tickets_of`, and written back with its labels through `labeled.write_labeled`. `tickets` has what the sources
of resources read.
"""
