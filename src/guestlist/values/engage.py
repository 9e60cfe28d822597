"""How Segment Engage's calls about its audiences look; read where they come in, and written where ours go out.

https://segment.com/docs/engage/using-engage-data/
"""

ENTERED, EXITED = "Audience Entered", "Audience Exited"
MOVES = (ENTERED, EXITED)
"""Names of events, unless a team has chosen others."""
KEY_PROPERTY = "audience_key"
COMPUTATION = "personas"
"""Where the context says what was worked out: `computation_class`, `computation_key`, `computation_id`."""
AUDIENCE = "audience"
KINDS = (AUDIENCE, "journey_step")
"""Classes of what people are in or not; a `trait` is a value."""
MOBILE = {"ios_idfa": "ios.idfa", "android_idfa": "android.idfa"}
"""Advertising ids among properties or traits, and the types of identifier that they are."""
