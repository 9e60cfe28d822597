"""Who enters and who exits audiences, told to other systems: by Segment's own calls, or by signed webhooks."""
