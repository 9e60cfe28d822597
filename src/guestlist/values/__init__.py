"""Parsing of e-mails, phones, countries, dates and text: shared by identity and match keys."""
