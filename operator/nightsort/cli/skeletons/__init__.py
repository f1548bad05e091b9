"""Files for a person to go on with, with comments: categories, a manifest, values of the chart, Secrets."""
