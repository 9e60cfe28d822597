"""People erased here and at Meta, with a receipt; what was sent is forgotten last."""
