"""The words of the query language beside those of a document; reading and writing share them."""

SIGNS = {
    "=": "equals",
    "!=": "not_equals",
    ">": "greater_than",
    ">=": "at_least",
    "<": "less_than",
    "<=": "at_most",
}
COMPARATORS = {
    "equals": "equals",
    "differs": "not_equals",
    "greater_than": "greater_than",
    "at_least": "at_least",
    "less_than": "less_than",
    "at_most": "at_most",
    "one_of": "one_of",
    "none_of": "none_of",
    "contains": "contains",
    "omits": "omits",
    "starts_with": "starts_with",
    "ends_with": "ends_with",
    "exists": "exists",
    "absent": "absent",
    "before_date": "before",
    "after_date": "after",
    "within_last": "within_last",
    "within_next": "within_next",
    "before_last": "before_last",
    "after_next": "after_next",
}
"""As functions; six of them have a sign as well."""
REDUCERS = {
    "sum": "sum",
    "avg": "average",
    "min": "min",
    "max": "max",
    "unique": "distinct",
    "first": "first",
    "last": "last",
    "mode": "most_frequent",
}
COUNT = "count"
WINDOWS = ("within", "between", "from", "to")
FILTERS = ("where", "sources", *WINDOWS)
SOURCES = {
    "include": ("equals", "one_of"),
    "exclude": ("not_equals", "none_of"),
    "contains": ("contains", "contains"),
    "omits": ("omits", "omits"),
    "starts_with": ("starts_with", "starts_with"),
    "ends_with": ("ends_with", "ends_with"),
}
"""What `sources` may be told: the comparator for one name, and for a list of them."""
SUBJECTS = ("event", "trait", "list", "external")
IN_WHERE = ("property", "event", "trait")
FLIPPED = {
    "equals": "equals",
    "not_equals": "not_equals",
    "greater_than": "less_than",
    "at_least": "at_most",
    "less_than": "greater_than",
    "at_most": "at_least",
}
"""The comparator when both sides change places."""
OTHER_WORDS = {
    "average": "avg",
    "mean": "avg",
    "distinct": "unique",
    "most_frequent": "mode",
    "not_equals": "differs",
    "before": "before_date",
    "after": "after_date",
    "since": "from",
    "until": "to",
    "in": "one_of",
    "includes": "contains",
    "filter": "where",
    "source": "sources",
    "begins_with": "starts_with",
    "audience": "trait",
}
"""What people type who know our documents, or other languages."""
REFUSED = {
    "entity": (
        "asks the tables of a warehouse (Linked Audiences), which an audience here cannot.",
        "Import them as events or traits.",
    ),
    "context": (
        "is not kept of events here; their properties are.",
        "A page's address, for example, is property('url') of 'Page Viewed'.",
    ),
    "expires_after": ("counts within sessions, which there are not here.", "Use within(...)."),
    "ANY": ("asks about the users of an account; audiences here are of people.", "Leave it out to ask each person."),
    "ALL": ("asks about the users of an account; audiences here are of people.", "Leave it out to ask each person."),
}
"""What belongs to the language and has no meaning here."""
