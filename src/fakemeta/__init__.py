"""fakemeta: the part of the Graph API that customer-list audiences use, on localhost."""
