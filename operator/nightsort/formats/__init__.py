"""Files as people have them: tickets in, rows out. No network, no flow.

A person's export goes through `opening.open_table`, `columns.find_columns`, `exports.survey` and `exports.tickets_of`,
and comes back with its labels through `labeled.write_labeled`. What the sources of resources read is in `tickets`.
"""
