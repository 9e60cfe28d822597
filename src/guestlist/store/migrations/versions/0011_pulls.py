"""Sources that are loaded on a schedule: how each of them stands."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "pull",
        sa.Column("source", sa.Text(), primary_key=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text()),
        sa.Column("good_at", sa.BigInteger()),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("came", sa.BigInteger(), nullable=False),
        sa.Column("went", sa.BigInteger(), nullable=False),
        sa.Column("rejected", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("again_at", sa.BigInteger()),
        sa.Column("asked_at", sa.BigInteger()),
        sa.Column("accept", sa.Boolean(), nullable=False),
        sa.Column("code", sa.Text()),
        sa.Column("happened", sa.Text()),
        sa.Column("nothing_lost", sa.Text()),
        sa.Column("next_step", sa.Text()),
    )
