"""How many of a sync stand where."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    numbers = ("members", "can_be_sent", "taken", "in_doubt", "declined")
    op.create_table(
        "sync_count",
        sa.Column("sync", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in numbers),
        sa.Column("cannot", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sync", name=op.f("pk_sync_count")),
    )
