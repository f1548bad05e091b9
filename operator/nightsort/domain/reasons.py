"""Every reason in a condition, an event or a metric: the words that users look up.

A reason's word is public and does not change. Each has its subject, who acts next, its meaning and, where somebody can
do something, the remedy. `make reasons` makes the tables of docs/troubleshooting.md and the alerts' texts from here;
the texts are Markdown.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from nightsort.domain.turns import Alert, Group, Mover, Turn

RUN, RESOURCE, SECRETS, SOURCE, RESULTS = Group.RUN, Group.RESOURCE, Group.SECRETS, Group.SOURCE, Group.RESULTS
DATABASE, STORE, API, CLUSTER, COMMAND = Group.DATABASE, Group.STORE, Group.API, Group.CLUSTER, Group.COMMAND
ITSELF, YOU, FINAL, DONE, EVENT = map(Turn, (Mover.ITSELF, Mover.YOU, Mover.FINAL, Mover.DONE, Mover.EVENT))


class Reason(StrEnum):
    """A word for conditions, events and metrics.

    Attributes:
        group: the subject.
        turns: who acts next, the usual case first; several where the same word is used for different things.
        means: what it means, in Markdown.
        remedy: what somebody can do, in Markdown; empty where there is nothing to do.
    """

    group: Group
    turns: tuple[Turn, ...]
    means: str
    remedy: str

    def __new__(cls, word: str, group: Group, turns: Turn | tuple[Turn, ...], means: str, remedy: str = "") -> Self:
        made = str.__new__(cls, word)
        made._value_ = word
        made.group, made.means, made.remedy = group, means, remedy
        made.turns = (turns,) if isinstance(turns, Turn) else turns
        return made

    @classmethod
    def recorded(cls, word: str) -> Reason:
        """The reason that a record holds; a word of another version of the operator is kept as it is."""
        for known in cls:
            if known == word:
                return known
        made = str.__new__(cls, word)
        made._name_, made._value_ = "RECORDED", word
        made.group, made.turns, made.means, made.remedy = Group.RUN, (), "a word of another version", ""
        return made

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """The alerts that fire for it. No alert fires for what a person asked for, nor for a command."""
        if self is Reason.SUSPENDED or self.group is Group.COMMAND:
            return ()
        if self is Reason.CATEGORIES_SHIFTED:
            return (Alert.CATEGORIES_SHIFTED,)
        if self is Reason.ACCURACY_TOO_LOW:
            return Alert.HELD, Alert.RUN_FAILED
        return tuple(turn.alert for turn in self.turns if turn.alert is not None)

    # fmt: off
    # The run
    SUBMITTING = "Submitting", RUN, ITSELF, "the next batch is being prepared"
    QUEUED = ("Queued", RUN, ITSELF, "there is no room for its requests under this API key; the message has its place",
        "if the organisation's limit is higher, raise `enqueuedRequests` ([settings](settings.md))")
    OVERLAP = ("Overlap", RUN, ITSELF, "another unfinished resource, older or begun already, works on the same source",
        "end the other one, or use `overlapPolicy: Allow` in a new resource, which may buy tickets twice")
    PROCESSING = "Processing", RUN, ITSELF, "batches are at the API, which has 24 hours"
    ADOPTING = ("Adopting", RUN, ITSELF,
        "the answer to a create call was lost; what it bought is looked for, and nothing is bought twice")
    COLLECTING = "Collecting", RUN, ITSELF, "all answers are stored; the last words are written"
    SUSPENDED = ("Suspended", RUN, YOU, ("`spec.suspend` is true: what was running is cancelled, its answers are "
        "stored, and nothing is bought. Where the answer to a create was lost, something may still be running; it is "
        "cancelled when it is found"), "set it to false")
    ESTIMATED = ("Estimated", RUN, EVENT,
        "a run that was created suspended says what it would buy and cost; `status.forecast` has the figures",
        "set `spec.suspend` to false to buy, or delete the resource")
    NOT_ESTIMATED = ("NotEstimated", RUN, EVENT,
        "a run that was created suspended cannot be estimated yet; the message has the obstacle, and it tries again",
        "mend what it names")
    COMPLETE = "Complete", RUN, DONE, "the run has ended; a ticket has its category, or there were none"
    NO_TICKET_LABELED = ("NoTicketLabeled", RUN, FINAL, "the run has ended, and not one ticket got a category",
        "the rows' `verdict` and `reason` say why")
    DEADLINE_EXCEEDED = ("DeadlineExceeded", RUN, FINAL,
        "`activeDeadlineSeconds` is over")
    EVALUATED = ("Evaluated", RUN, EVENT,
        "known tickets were compared with their categories, and the labels are good enough")
    ACCURACY_TOO_LOW = ("AccuracyTooLow", RUN, (YOU, FINAL.when("with `onFailure: Fail`"), EVENT),
        ("known tickets were compared with their categories, and the lower end of the accuracy's interval does not "
        "reach `evaluation.minAccuracy`: the run is `Held`. Only the known tickets were bought, and nothing is "
        "published"), ("look at `status.evaluation`. `evaluation.release: true` lets the run go on, deleting it ends "
        "it; better instructions, examples or another model need a new resource"))
    CATEGORIES_SHIFTED = ("CategoriesShifted", RUN, EVENT,
        ("the categories differ from those of the last runs over the same source, with the same question, by more than "
        "chance and by a tenth of the tickets or more; the message names what moved most"),
        "read some tickets of the categories that grew: something has happened, or the model reads otherwise")
    HOLD_RELEASED = "HoldReleased", RUN, EVENT, "a person has released a held run, which goes on"
    SUBMITTED = "Submitted", RUN, EVENT, "a batch is bought; the event has its id"
    CACHE_PRIMING = ("CachePriming", RUN, ITSELF,
        ("a few tickets go ahead, so that the others can read the prompt from the API's cache "
        "([scaling](scaling.md#the-prompts-cache)); for each of the two batches at most half an hour"),
        "`prompt.caching: Off` in the next resource sends all tickets at once")
    COLLECTED = "Collected", RUN, EVENT, "the answers of a batch are stored"
    CANCELED = ("Canceled", RUN, (DONE.when("for a run"), EVENT.when("for a batch")), ("somebody has cancelled the run "
        "(`activeDeadlineSeconds: 0`): what came in time is stored, and no alert fires. As an event, the API was asked "
        "to end a batch: a deadline, a suspension, a cancel"))
    WAIT_OVER = ("WaitOver", RUN, EVENT,
        "what the run has waited for is there again; the event has the reason, and how long it took")
    CREATE_UNANSWERED = "CreateUnanswered", RUN, EVENT, "the answer to a create call was lost; `Adopting` follows"
    RELEASED = "Released", RUN, EVENT, "nothing was bought by that call; its tickets are sent again"
    BOUGHT_TOO_LATE = ("BoughtTooLate", RUN, EVENT, ("a process that was paused came back with a batch whose tickets "
        "another one had taken over; the batch was cancelled"))
    RECORD_RESTORED = ("RecordRestored", RUN, EVENT, ("somebody had wiped the status, or brought an older one back: "
        "what it had lost was put back from the copy beside it, and nothing was bought again. See "
        "[below](#a-status-that-was-wiped)"))
    BEGUN_ANEW = ("BegunAnew", RUN, EVENT,
        "a status was emptied and an annotation says so: what was bought before is forgotten")
    RECORD_CONFLICT = "RecordConflict", RUN, ITSELF, "somebody else writes the copy of the record", "find out who"
    ACCOUNT_CHANGED = ("AccountChanged", RUN, YOU, ("the answer to a create call was lost, and the API key may now be "
        "another account's: see [below](#a-key-of-another-account)"), "bring the former key back")
    ROWS_WITHOUT_TICKET = ("RowsWithoutTicket", RUN, EVENT, ("labels that are not in the table: their rows were "
        "deleted meanwhile, have other ids, or row-level security, a trigger or a rule dropped the write"),
        "compare the ids; look for what drops writes")
    UNKNOWN_BOUGHT_AGAIN = ("UnknownBoughtAgain", RUN, EVENT, ("the query asks for rows without a category (`IS "
        "NULL`), and tickets whose answer is none of the categories stay without one: each run over this table buys "
        "them again"), ("in the next resource use `reuse: Unchanged` with `results.database.columns.hash`, which "
        "leaves out every ticket that was asked about; or `unknownLabel: {action: Fallback, …}`. See "
        "[which tickets are bought again](reuse.md)"))
    LABELED_BOUGHT_AGAIN = ("LabeledBoughtAgain", RUN, EVENT, ("the source gives tickets that have their label in the "
        "table of the results already: they are bought again"), ("in the next resource use `reuse: Unchanged`, or "
        "leave them out in its query. See [which tickets are bought again](reuse.md)"))
    TICKETS_REUSED = ("TicketsReused", RUN, EVENT, ("tickets whose row of an earlier run stands, and of which nothing "
        "has changed, are not bought (`reuse: Unchanged`)"))
    TICKETS_DEDUPLICATED = ("TicketsDeduplicated", RUN, EVENT, ("tickets with the same text as another one of the run "
        "are not asked about, and get its row (`dedupe: Exact`)"))
    MODEL_RETIRES_SOON = ("ModelRetiresSoon", RUN, EVENT,
        "the model is served for at most 60 days more; the alert NightsortModelRetires sees it, too",
        "name its successor in the next resource, and in the nightly's spec")
    PROMPT_NEARLY_CACHED = ("PromptNearlyCached", RUN, EVENT,
        "the prompt is a little shorter than the API caches for this model; the message says what more would save",
        "give categories more examples and descriptions, which make labels better, too")
    PRICES_OLD = ("PricesOld", RUN, EVENT, "the prices by which costs are reckoned are older than 90 days",
        "compare them with the vendor's; upgrade the operator, or set `NIGHTSORT_PRICES`")
    QUEUE_TOO_SMALL = ("QueueTooSmall", RUN, EVENT,
        "the run has more tickets than requests may be enqueued at once, so that it goes in several turns",
        "raise `enqueuedRequests` where the organisation's limit is higher, or split the source over several nights")
    STRAY_ANSWERS = ("StrayAnswers", RUN, EVENT,
        "lines of a batch's results answer what it did not ask; they are left out",
        "please report it to the API's support, if it comes often")
    ANSWERS_DIFFER = ("AnswersDiffer", RUN, EVENT, ("a batch's results have two answers to one ticket, and they "
        "differ; a label goes before another answer, and the first before the second"),
        "look at these tickets, if it matters")
    BATCH_LOST = ("BatchLost", RUN, EVENT, ("the API does not show a batch any more, or a stopped run could not find "
        "out whether it was bought; its tickets have a row that says Missing"),
        "was the key changed for one of another workspace?")
    CANCEL_FAILED = ("CancelFailed", RUN, EVENT, "the resource was deleted, and these batches could not be cancelled",
        "cancel them by the API, or they are paid for and nobody reads them")
    # The resource
    INVALID_SPEC = ("InvalidSpec", RESOURCE, (FINAL, YOU.when("where the run has begun")),
        "the spec breaks a rule that the CRD in the cluster did not know; a run that has begun keeps what was bought",
        "create it right; install the CRD and the operator of one version")
    INVALID_TEMPLATE = ("InvalidTemplate", RESOURCE, FINAL,
        "`prompt.template` cannot be used, or names what the tickets do not have",
        "mend the template; `$$` is a dollar sign")
    UNKNOWN_MODEL = "UnknownModel", RESOURCE, FINAL, "the API knows no such model", "mend `spec.model`"
    MODEL_RETIRED = "ModelRetired", RESOURCE, FINAL, "the model is not served any more", "name its successor"
    MODEL_WITHOUT_GEO = ("ModelWithoutGeo", RESOURCE, FINAL,
        "`inferenceGeo` is set, and the model cannot be told where to run",
        "leave `inferenceGeo` out, or name a model of 4.6 or later")
    MODEL_WITHOUT_BATCHES = ("ModelWithoutBatches", RESOURCE, FINAL, "the model cannot be used in batches",
        "name another one")
    PROMPT_TOO_LONG = ("PromptTooLong", RESOURCE, FINAL, "an average request is longer than the model reads",
        "shorten instructions and categories, or lower `prompt.maxBodyChars`")
    PROMPT_REFUSED = "PromptRefused", RESOURCE, FINAL, "the API refuses to count the prompt's tokens", "the same"
    MAX_TOKENS_TOO_FEW = ("MaxTokensTooFew", RESOURCE, FINAL,
        "`prompt.maxTokens` leaves no room for the longest name of a category", "leave it out, or raise it")
    COST_LIMIT_EXCEEDED = ("CostLimitExceeded", RESOURCE, YOU,
        "the run, or its next batch, could cost more than `maxCostUSD` if every answer used all the tokens that it may",
        ("raise it, or leave it: what was bought is stored. A new resource with less `maxTokens` or smaller shards "
        "leaves less to be possible"))
    COST_LIMIT_NEAR = ("CostLimitNear", RESOURCE, (ITSELF, EVENT), ("the next batch might bring the run above "
        "`maxCostUSD`; what is in flight may come to less. An event says so when pre-flight sees it coming"),
        "raise it to go on at once")
    PRICE_UNKNOWN = ("PriceUnknown", RESOURCE, YOU, "`maxCostUSD` is set, and nobody knows the model's price",
        "give the operator its price (`NIGHTSORT_PRICES`), or remove `maxCostUSD`")
    RECORD_FULL = ("RecordFull", RESOURCE, ITSELF, ("so many batches are in flight that the run's record has no room "
        "for another one; it goes on when one of them is collected"), "larger shards, if it comes often")
    TOO_MANY_BATCHES = ("TooManyBatches", RESOURCE, FINAL, "the tickets need more batches than a status holds (480)",
        "raise `shards.maxRequests`, or split the source")
    BATCH_TOO_LARGE = ("BatchTooLarge", RESOURCE, FINAL, "the API finds batches too large, also in small parts",
        "lower `shards.maxBytes`")
    BATCH_REFUSED = ("BatchRefused", RESOURCE, FINAL,
        "the API finds batches invalid for what all their requests share, or one part after another",
        "check model, prompt and categories")
    BATCH_SPLIT = ("BatchSplit", RESOURCE, EVENT, ("the API refuses a batch; it is sent in parts, to find the requests "
        "that are refused. A request that the API names is told"))
    TICKET_REFUSED = ("TicketRefused", RESOURCE, EVENT,
        "this ticket's request is refused alone: its row says Unsendable, and the others are sent",
        "look at the ticket")
    REVIEW_LEFT_OUT = ("ReviewLeftOut", RESOURCE, EVENT, ("some tickets that the second model was to read are "
        "published with their first answers alone; the message says why"), ("look at `status.review`: a higher "
        "`maxCostUSD`, or a second model that the account may use, helps the next run"))
    IDS_TOO_LONG = ("IdsTooLong", RESOURCE, FINAL, "the ids of one batch are too long to be kept",
        "lower `shards.maxRequests`, or use shorter ids")
    FIELDS_TOO_LONG = ("FieldsTooLong", RESOURCE, FINAL,
        ("the answers to the fields may take more than `prompt.maxTokens`, or than the 4,096 tokens that an answer has "
        "at the most: many of them would be cut"),
        "leave `maxTokens` out, or raise it, or shorten texts and lists")
    SCHEMA_REFUSED = ("SchemaRefused", RESOURCE, FINAL, ("the API refuses the JSON schema of the fields: one ticket "
        "was asked with it before the others, and nothing was paid. The message has the API's words"),
        "fewer categories, values or fields; or a model without structured outputs, which gets no schema")
    # Its Secrets
    CREDENTIALS_MISSING = ("CredentialsMissing", SECRETS, YOU,
        "the resource names no API key and the operator has none; or a store's Secret lacks its keys",
        "add what the message names")
    SECRET_MISSING = ("SecretMissing", SECRETS, YOU, "there is no such Secret in the resource's namespace",
        'create it, with the label `nightsort.dev/allow: "true"`')
    SECRET_NOT_ALLOWED = ("SecretNotAllowed", SECRETS, YOU, "the Secret lacks that label",
        "its owner sets it, by the command in the message")
    SECRET_KEY_MISSING = ("SecretKeyMissing", SECRETS, YOU, "the Secret has no such key, or nothing under it",
        "add the key")
    SECRET_INVALID = "SecretInvalid", SECRETS, YOU, "the value is not text", "write it anew"
    # Its source
    SOURCE_MISSING = ("SourceMissing", SOURCE, ITSELF, "the ConfigMap, its key or the object is not there yet",
        "put it there, or mend the name in a new resource")
    SOURCE_LAGS = ("SourceLags", SOURCE, ITSELF, ("the source gives tickets that have their label in the table of the "
        "results: it is a replica, or another copy, that has not caught up"),
        "if it lasts, look at the replication; or read the source from the database that is written to")
    SOURCE_CHANGING = "SourceChanging", SOURCE, ITSELF, "objects are being written while they are read"
    SOURCE_CHANGED = ("SourceChanged", SOURCE, YOU, ("the file is not the one whose beginning was read, or a query's "
        "ids come in another order: going on could buy tickets twice"),
        "bring the file, or the column's type, back (more may follow at the file's end), or cancel the run")
    ROWS_CHANGE = ("RowsChange", SOURCE, (FINAL, YOU.when("where only reading it has shown it")),
        ("the query chooses other rows, or gives other ids, at each read: `TABLESAMPLE`, `random()` in a condition, a "
        "LIMIT inside of it, an id such as `gen_random_uuid()`"), ("put the LIMIT at the query's end (`ORDER BY "
        "random() LIMIT 100` chooses once), or choose into a table; take the id from a column"))
    TOO_MANY_ROWS = ("TooManyRows", SOURCE, FINAL,
        ("a query with a LIMIT, or a run that leaves out unchanged tickets (`reuse`), has more than 200,000 tickets to "
        "buy, the most whose ids are kept"), "lower the LIMIT, or leave it out; split the source among resources")
    INVALID_SOURCE = ("InvalidSource", SOURCE, (YOU, FINAL.when("for inline tickets")),
        "a line or ticket cannot be read, or an id is empty, too long or used twice; the message has the place",
        "mend the file")
    TRUTH_NO_CATEGORY = ("TruthNoCategory", SOURCE, YOU, ("known tickets have a value in `evaluation.truth` that is "
        "neither a category's name nor an alias; the message has their number and the first five"),
        "mend the values, or declare them in a new resource")
    TOO_FEW_KNOWN = ("TooFewKnown", SOURCE, YOU, ("there are so few known tickets that not even right labels alone "
        "could reach `evaluation.minAccuracy`"), ("add known tickets; in a new resource raise `sample`, lower "
        "`minAccuracy`, or use `onFailure: Report`"))
    KNOWN_IDS_TAKEN = ("KnownIdsTaken", SOURCE, YOU, ("tickets of the set in `evaluation.truth` have ids of the "
        "source's tickets, so that their answers could not be told apart"),
        "give the set ids of its own, such as `known-1`, or name a column of the source")
    FEW_KNOWN = ("FewKnown", SOURCE, EVENT, ("categories have so few known tickets that their precision "
        "and recall say next to nothing; the message has their names"), "add known tickets of these categories")
    EXAMPLES_NO_CATEGORY = ("ExamplesNoCategory", SOURCE, YOU, ("labelled tickets of `prompt.examplesFrom` have a "
        "value that is neither a category's name nor an alias; the message has their number and the first five"),
        "mend the values, or declare them in a new resource")
    EXAMPLES_CHANGED = ("ExamplesChanged", SOURCE, YOU, ("the pool in `prompt.examplesFrom` is not the one that the "
        "run began with: a labelled ticket has another text or category, or is gone (added ones are left out)"),
        ("bring the former ones back, or cancel the run, which keeps what was bought; name a pool that stands still, "
        "such as a file with a date"))
    TOO_MANY_EXAMPLES = ("TooManyExamples", SOURCE, YOU,
        "the pool in `prompt.examplesFrom` has more than 20,000 labelled tickets, or 8,000,000 characters",
        "leave some out, such as the oldest, or lower `maxChars` in a new resource")
    NO_EXAMPLES = ("NoExamples", SOURCE, EVENT, ("the pool in `prompt.examplesFrom` has no ticket with a category and "
        "a text, so that none is shown"), "look at the pool; the message says what was read")
    EXAMPLES_NOT_INSTALLED = ("ExamplesNotInstalled", SOURCE, YOU, ("the library that finds examples is missing in "
        "this installation; the image has it"), "`pip install 'nightsort[examples]'`, or leave the field out")
    CATEGORY_SET_MISSING = ("CategorySetMissing", SOURCE, ITSELF,
        "the CategorySet that `categorySetRef` names is not there yet",
        "create it in the resource's namespace, or mend the name in a new resource")
    CATEGORY_SET_INVALID = ("CategorySetInvalid", SOURCE, YOU, ("the CategorySet cannot be used by this resource: it "
        "lacks the category of `unknownLabel`, or known tickets for the evaluation"),
        "mend the set, or the resource by a new one")
    CATEGORY_SET_LOST = ("CategorySetLost", SOURCE, YOU, ("the copy of the CategorySet that the run has begun with was "
        "deleted, and the set has changed since: nobody knows what the answers mean"),
        "restore the ConfigMap that the message names, or the set as it was; else delete the resource")
    EMPTY_FILE = ("EmptyFile", SOURCE, EVENT, ("a file of the source has 0 bytes, which a failed export leaves; only a "
        "header, or `[]`, is no reason to say so"), "look at the export; the message names the file")
    FILE_READ = ("FileRead", SOURCE, EVENT, ("a file is read by columns, separators or a form that were found rather "
        "than told; the message names them"), "nothing, where these are the right ones; else name them in the source")
    DUPLICATE_TICKET = ("DuplicateTicket", SOURCE, FINAL, "two tickets have one id, seen while a batch was made",
        "make ids unique")
    DUPLICATE_IDS = ("DuplicateIds", SOURCE, YOU, "the query gives an id more than once",
        "make the ids unique; mostly a join gives too many rows")
    EMPTY_IDS = ("EmptyIds", SOURCE, YOU, "the query gives rows without an id",
        "mend the data, or leave them out in the query")
    LONG_IDS = "LongIds", SOURCE, YOU, "an id has more than 512 characters", "the same"
    NUL_IN_IDS = "NulInIds", SOURCE, YOU, "an id has a NUL character, which no table can keep", "the same"
    ID_TYPE = "IdType", SOURCE, YOU, "the id column is no text or whole number, or mixes them", "cast it in the query"
    ID_TYPE_CHANGED = ("IdTypeChanged", SOURCE, YOU, "the id column has another type than when the run began",
        "change it back, or cancel the run")
    TICKET_TOO_LARGE = ("TicketTooLarge", SOURCE, YOU, "a ticket has more than 16 MiB",
        "cut its text, there or in the query")
    # Its results
    RESULTS_NAME_TAKEN = ("ResultsNameTaken", RESULTS, YOU, ("a ConfigMap of that name belongs to somebody else, such "
        "as another resource with the same `results.configMap.name`; or a folder of objects, whose `owner.json` names "
        "a resource of another namespace; or rows of a table under ids that an unfinished run with another source has, "
        "too. The message names it; seen before anything is bought"),
        "remove it, or name another one in a new resource")
    RESULTS_NAME_TOO_LONG = ("ResultsNameTooLong", RESULTS, FINAL, "the name leaves no room for the numbers of parts",
        "set `results.configMap.name`")
    RESULTS_TOO_LARGE = ("ResultsTooLarge", RESULTS, FINAL, "so many rows do not belong into ConfigMaps",
        "use `results.database` or `results.objectStore`")
    RESULTS_CONFLICT = "ResultsConflict", RESULTS, ITSELF, "somebody else writes the same ConfigMap", "find out who"
    RESULTS_DAMAGED = ("ResultsDamaged", RESULTS, YOU,
        "somebody has changed a file of results, so that it cannot be read", "mend or remove what the message names")
    # A database, as source or for results
    DATABASE_UNREACHABLE = ("DatabaseUnreachable", DATABASE, ITSELF, ("no connection; or the server has not let us in "
        "within 10 s, or not answered a statement within 330 s"),
        "check host and port, and the NetworkPolicy (`networkPolicy.egressPorts`)")
    DATABASE_REFUSED = ("DatabaseRefused", DATABASE, (ITSELF, YOU.when("after six tries")),
        ("the database, or a proxy before it, answers and does not let us in, for a reason that may pass or not, in "
        "its own words; or what answers is no such database"),
        "do what the words say: a proxy's name for the tenant or endpoint, its pooling mode, a quota, the port")
    DATABASE_INTERRUPTED = ("DatabaseInterrupted", DATABASE, ITSELF,
        "the database restarts, or lacks connections, memory or disk")
    DATABASE_LOCKED = ("DatabaseLocked", DATABASE, ITSELF, "other work holds a lock",
        "find out what holds it, if it lasts")
    QUERY_TOO_SLOW = ("QueryTooSlow", DATABASE, ITSELF, "a statement took too long",
        "an index on the id column may be missing")
    ANSWER_TOO_LARGE = ("AnswerTooLarge", DATABASE, YOU,
        "a database has sent more rows, or more bytes, than it was asked for",
        "look at what answers on the URL's host and port: a proxy that changes statements, or no such database")
    INVALID_DATABASE_URL = ("InvalidDatabaseUrl", DATABASE, YOU, "the Secret's value is no URL of a database",
        "write `postgresql://user:password@host:5432/name`, with special characters as `%40`")
    DATABASE_NOT_ALLOWED = ("DatabaseNotAllowed", DATABASE, YOU, ("scheme, host or options of the URL are not those "
        "that the operator allows, or the host's name stands for an address next to the operator"),
        "change the URL, or `NIGHTSORT_DATABASE_HOSTS`")
    DATABASE_LOGIN_REFUSED = ("DatabaseLoginRefused", DATABASE, YOU,
        "user, password or the way of connecting is refused", "mend the Secret, or the database's access rules")
    DATABASE_CHANGED = ("DatabaseChanged", DATABASE, YOU, ("the Secret leads to another server, database, schema or "
        "table than when the run began; a new password, user, name or proxy is no other place to PostgreSQL, and to "
        "MySQL while host, port and database are the same"),
        "bring the former URL back; where it was the source's, `kubectl nightsort cancel` ends the run as well")
    DATABASE_MISSING = ("DatabaseMissing", DATABASE, YOU, "there is no such database, or the user may not use it",
        "mend the Secret, or create it")
    PERMISSION_DENIED = ("PermissionDenied", DATABASE, YOU,
        "the user may not do this; for object storage, the credentials", "grant what the message names")
    READ_ONLY = ("ReadOnly", DATABASE, YOU, "a write where only reading is possible: a replica, or a query that writes",
        "name the primary; let the query only read")
    QUERY_FAILED = ("QueryFailed", DATABASE, YOU, "the database refuses the statement, mostly in its own words",
        "mend what it names")
    TABLE_MISSING = ("TableMissing", DATABASE, YOU, "the table of results is not there",
        "create it, or use `mode: Upsert` in a new resource")
    TABLE_ALIKE = ("TableAlike", DATABASE, YOU,
        "there is no table of that name, but one whose name differs in capitals",
        "in a new resource, name the one that is meant as the message has it")
    COLUMN_MISSING = ("ColumnMissing", DATABASE, YOU, "the query or the table lacks a column",
        "add it, or name another one under `columns` in a new resource")
    KEY_MISSING = ("KeyMissing", DATABASE, YOU, "`Upsert` needs a primary key or unique index on the id alone",
        "add the index")
    CATEGORY_NEVER_NULL = ("CategoryNeverNull", DATABASE, YOU,
        "`Update` fills rows without a category, and the column forbids NULL",
        "allow NULL, or use `overwrite: true` in a new resource")
    ID_NOT_UNIQUE = ("IdNotUnique", DATABASE, YOU,
        "the ticket's id does not tell the table's rows apart, so that other rows would get its label",
        "name all columns of the key under `columns.key`, of source and results, in a new resource")
    KEY_MISMATCH = ("KeyMismatch", DATABASE, YOU,
        "`columns.key` of the results names several columns, and the tickets' ids are not of so many",
        "name as many under the source's `columns.key`, in a new resource")
    LABELS_DROPPED = ("LabelsDropped", DATABASE, YOU, ("a label that was written in a rehearsal was not there "
        "afterwards: row-level security, a trigger or a rule drops it without an error"),
        "allow the URL's user to write these rows, or change what drops them")
    NO_ROW_FOR_TICKETS = ("NoRowForTickets", DATABASE, YOU, "not one of the first tickets has a row in the table",
        "the table's id must be the ticket's: check `columns.id`")
    NOTHING_TO_FILL = ("NothingToFill", DATABASE, YOU, "every row has its category, and `Update` changes none",
        "empty some, or use `overwrite: true` in a new resource")
    VALUE_REFUSED = ("ValueRefused", DATABASE, YOU, ("a value does not fit its column: too long, or against a rule; "
        "mostly seen in a rehearsal, before anything is bought"), "widen the column, or loosen the rule")
    NOT_TEXT = "NotText", DATABASE, YOU, "a text is not valid in its encoding", "mend the row that the message names"
    IDS_COLLIDE = ("IdsCollide", DATABASE, (YOU, EVENT), ("the table takes two tickets' ids for one: its collation or "
        "type ignores their difference. As an event, where it came up after the purchase: the row keeps the label that "
        "it has"), "use a type and collation that tell them apart")
    # Object storage, as source or for results
    STORE_UNREACHABLE = ("StoreUnreachable", STORE, ITSELF, "no answer, or the store is busy",
        "check endpoint and NetworkPolicy, if it lasts")
    INVALID_URL = "InvalidUrl", STORE, FINAL, "the URL's scheme or path cannot be used", "mend `objectStore.url`"
    STORE_NOT_ALLOWED = ("StoreNotAllowed", STORE, YOU, "the bucket or endpoint is not one that the operator allows",
        "`NIGHTSORT_OBJECT_STORE_BUCKETS`, `NIGHTSORT_OBJECT_STORE_ENDPOINTS`")
    STORE_OPTION = ("StoreOption", STORE, YOU, "a key of the Secret is no option, or its value is none",
        "mend the Secret; the message lists the options")
    OBJECT_NAME = ("ObjectName", STORE, YOU, ("an object in the folder has a name that cannot be used: a control "
        "character such as a tab, or bytes that are no UTF-8"),
        "rename it; the message has the name where the store's library tells it")
    STORE_REFUSED = "StoreRefused", STORE, YOU, "the store refuses the request", "mostly region or endpoint is wrong"
    BUCKET_MISSING = ("BucketMissing", STORE, YOU, "there is no such bucket, or it is not shown",
        "create it, or mend the credentials")
    # The API and the account
    RATE_LIMITED = "RateLimited", API, ITSELF, "the rate limit is reached"
    OVERLOADED = "Overloaded", API, ITSELF, "the API has too much to do"
    API_UNAVAILABLE = ("ApiUnavailable", API, ITSELF, "no connection, or an error on the API's side",
        "check proxy and NetworkPolicy, if it lasts; else the API's status page")
    CREDENTIALS_REFUSED = ("CredentialsRefused", API, YOU,
        "the API does not accept the key, or the key may not do this",
        "put a valid one in its place ([another API key](install.md#4-another-api-key))")
    CREDIT_EXHAUSTED = "CreditExhausted", API, YOU, "the account has no credit", "add credit in the Claude Console"
    SPEND_LIMIT_REACHED = ("SpendLimitReached", API, YOU, "the account's spend limit is reached",
        "raise it, or wait until it begins anew")
    ACCOUNT_REFUSED = ("AccountRefused", API, YOU,
        "the organisation or workspace does not allow it; the message has the API's word",
        "see to it in the Claude Console")
    ENDPOINT_MISSING = ("EndpointMissing", API, YOU, "what answers has no Message Batches",
        "mend the operator's `NIGHTSORT_ANTHROPIC_BASE_URL`, or the `ANTHROPIC_BASE_URL` that counts without it")
    NOT_FOUND = "NotFound", API, ITSELF, "the API does not know what it was asked for; results can come a moment late"
    BATCH_NOT_FOUND = ("BatchNotFound", API, (ITSELF, YOU.when("after an hour")),
        "the API does not show a batch of this run", ("if the key is of another workspace now, bring the former one "
        "back: a day after it was bought the batch is given up"))
    BATCH_OVERDUE = ("BatchOverdue", API, YOU,
        "a batch still runs an hour after its `expires_at`; it is looked at as before",
        "ask the API's support, or cancel the run: what the batch has answered by its end is stored")
    RESULTS_CUT = "ResultsCut", API, ITSELF, "the stream of results was cut; it is read again"
    RESULTS_UNAVAILABLE = ("ResultsUnavailable", API, ITSELF,
        "in the place of a batch's results comes something else: a gateway's page, or nothing",
        "look at the proxy in between, if it lasts: the API keeps results for 29 days, and so long they are asked for")
    RESULTS_INCOMPLETE = ("ResultsIncomplete", API, ITSELF,
        "lines of results are missing; they are waited for before a ticket is called Missing")
    LIST_TOO_LONG = ("ListTooLong", API, (ITSELF, YOU.when("when all others are collected")),
        ("the answer to a create was lost, and the workspace has too many newer batches to look for what it bought. "
        "All others are asked for by id and collected"), ("look for a batch of that size and time. The message says "
        "how its tickets are bought once more where there is none, and how the run ends without them. Give Nightsort a "
        "workspace of its own"))
    CREATE_FAILING = ("CreateFailing", API, ITSELF, ("the API does not take a batch: each create was answered by an "
        "error that leaves open whether it was accepted, and nothing was. The message has the code and type of the "
        "last answer. It is sent again after 5 minutes, 10, and so on up to an hour"), "look at the code, if it lasts")
    CREATE_REFUSED = ("CreateRefused", API, YOU, ("the same for the fourth time, or the call was refused whatever it "
        "carried (a redirect, 405, 407, 411, 415). It goes on being tried, an hour apart"),
        "mend the operator's `NIGHTSORT_ANTHROPIC_BASE_URL`, or the proxy or gateway in between")
    SENDING_CUT = ("SendingCut", API, ITSELF,
        "a create call broke off before the whole batch had left: nothing was bought, and it is sent again")
    LIST_UNREADABLE = ("ListUnreadable", API, ITSELF, ("the workspace's list has a batch without a readable id or "
        "time; own batches are asked for by id, and nothing is bought again meanwhile"))
    TOO_LATE = ("TooLate", API, ITSELF, "the process was held up right before a purchase, which is begun anew",
        "more CPU, if it comes often")
    OUTCOME_UNKNOWN = ("OutcomeUnknown", API, ITSELF,
        "in metrics only: whether a create was accepted is not known; the run says `Adopting`")
    # The cluster and the operator
    KUBERNETES_UNAVAILABLE = ("KubernetesUnavailable", CLUSTER, ITSELF,
        "the API server does not answer, or not as it should")
    NAMESPACE_TERMINATING = "NamespaceTerminating", CLUSTER, ITSELF, "the namespace is being deleted"
    FORBIDDEN = ("Forbidden", CLUSTER, YOU, "the operator lacks a right; the message says which",
        "restore the chart's Role; with `rbac.secretNames`, add the Secret")
    QUOTA_EXCEEDED = "QuotaExceeded", CLUSTER, YOU, "a ResourceQuota of the namespace is used up", "raise it"
    REFUSED_BY_KUBERNETES = ("RefusedByKubernetes", CLUSTER, YOU,
        "a rule of the cluster refuses what is written, such as an admission policy",
        "the message names the fields: change the policy; is the CRD that of this version?")
    TOO_LARGE = ("TooLarge", CLUSTER, YOU, "an object is larger than Kubernetes stores",
        "in a new resource, use larger shards, or results in a database")
    CRD_OUTDATED = ("CrdOutdated", CLUSTER, YOU, ("the CRD in the cluster is older than the operator, so that the API "
        "server drops fields of the record without a word; the message names them. Nothing is bought, and nothing "
        "collected, into a record that would not keep it"), ("apply the CRD of the operator's version (`helm upgrade`, "
        "or `kubectl apply --server-side -f crds/`); it goes on within minutes"))
    RECORD_TOO_LARGE = ("RecordTooLarge", CLUSTER, YOU, ("the status cannot be written: with its record the resource "
        "would be larger than Kubernetes stores, mostly for annotations that came later. An event says so, too, and "
        "`nightsort_status_writes_refused_total` counts. Nothing more is bought; what is paid for is collected by the "
        "copy of the record"), ("remove annotations, such as `kubectl.kubernetes.io/last-applied-configuration`; it "
        "goes on within minutes"))
    SPEC_TOO_LARGE = ("SpecTooLarge", CLUSTER, FINAL, ("the spec takes so much of the 1.5 MB that Kubernetes stores of "
        "a resource that the record of what is bought would not fit beside it. Nothing was bought"),
        "name a ConfigMap, a database or a bucket as the source, or split the tickets among several resources")
    RECORD_UNREADABLE = ("RecordUnreadable", CLUSTER, YOU,
        "the record in the directory cannot be read; in a cluster, the copy of the record beside a resource",
        "restore it, or name another `--state`; remove a copy only where the status is whole")
    IDS_MISSING = ("IdsMissing", CLUSTER, YOU, ("a ConfigMap of ids was removed: of long ones that the source has not "
        "any more, or of the tickets that a query gave when the run began"),
        "restore it: without it answers belong to nobody, and what is left to buy is not known; or cancel the run")
    DISK_FULL = ("DiskFull", CLUSTER, YOU, ("the disk of the operator's temporary files has no room for a batch on its "
        "way; the message has the path, what is needed and what is free. Nothing was sent"),
        "make room; in the chart, the volume at `/tmp`")
    DISK_READ_ONLY = ("DiskReadOnly", CLUSTER, YOU, "nothing can be written there: a read-only file system, or rights",
        "mount something to write on, or set `TMPDIR`")
    DISK_FAILED = ("DiskFailed", CLUSTER, YOU,
        "the disk answers with an error; the message has the system's word for it", "look at the node")
    TOO_MANY_OPEN_FILES = ("TooManyOpenFiles", CLUSTER, YOU, "the process may open no more files and connections",
        "raise its limit (`ulimit -n`)")
    OUT_OF_MEMORY = "OutOfMemory", CLUSTER, YOU, "the system gives no more memory", "raise the container's limit"
    INTERNAL_ERROR = ("InternalError", CLUSTER, (ITSELF, YOU.when("after six tries")),
        ("a mistake of Nightsort's own, with its name and place; the log has the rest. Other batches are collected "
        "meanwhile, and suspend, deadline, cancel and delete work"),
        "please report it; it is tried on every five minutes")
    # Local mode and the command line
    NO_CLUSTER = "NoCluster", COMMAND, YOU, "there is no usable kubeconfig", "set `KUBECONFIG`"
    CONFIG_MAP_INVALID = ("ConfigMapInvalid", COMMAND, YOU, "a ConfigMap in the manifest file holds what is not text",
        "put it in quotes")
    SPEC_CHANGED = ("SpecChanged", COMMAND, YOU, "the manifest has changed since the run began",
        "another name, or another `--state`")
    STATE_IN_USE = "StateInUse", COMMAND, YOU, "another run works in the directory", "wait, or name another `--state`"
    STATE_NOT_WRITABLE = ("StateNotWritable", COMMAND, YOU, "the file of a file's state cannot be written",
        "mend what the message says; the same command goes on where it was")
    STATE_UNREADABLE = ("StateUnreadable", COMMAND, YOU, "the file of a file's state is no state that can be read",
        "restore it from a backup, or name another `--state`, where everything is new")
    STATE_TOO_NEW = ("StateTooNew", COMMAND, YOU, "a newer version of nightsort wrote the state",
        "use that version, or name another `--state`, where everything is new")
    NOT_WRITABLE = "NotWritable", COMMAND, YOU, "a file cannot be written", "rights, or room on the disk"
    NOT_READABLE = "NotReadable", COMMAND, YOU, "a file cannot be read", "rights"
    NAME_TAKEN = ("NameTaken", COMMAND, YOU, "a ConfigMap of the run's name is there already",
        "remove it, or give another `--name`")
    SIMULATOR_DOWN = "SimulatorDown", COMMAND, YOU, "the simulator of `--simulate` did not start", "look at its log"
    WAITING = "Waiting", COMMAND, ITSELF, "a command waits for what its message says"
    STALLED = "Stalled", COMMAND, YOU, "a command cannot go on", "do what its message says"
    REJECTED = "Rejected", COMMAND, FINAL, "a command cannot do what it was asked for", "do what its message says"
    # fmt: on
