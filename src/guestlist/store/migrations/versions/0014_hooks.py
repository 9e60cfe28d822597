"""Audiences of another system that messages tell of; hooks, their dead letters, and exits owed to them."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "external_audience",
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("people", sa.BigInteger(), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
    )
    op.create_table(
        "hook",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("mark", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("calls", sa.Text(), nullable=False),
        sa.Column("audiences", sa.Text(), nullable=False),
        sa.Column("also", sa.Text(), nullable=False),
        sa.Column("from_start", sa.Boolean(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("upto", sa.BigInteger()),
        sa.Column("sent", sa.BigInteger(), nullable=False),
        sa.Column("left_out", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger()),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("again_at", sa.BigInteger()),
        sa.Column("code", sa.Text()),
        sa.Column("stopped", sa.Text()),
    )
    op.create_table(
        "letter",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("hook", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.BigInteger()),
    )
    op.create_table(
        "letter_move",
        sa.Column("letter", sa.Integer(), primary_key=True),
        sa.Column("number", sa.BigInteger(), primary_key=True),
        sa.Column("profile_id", sa.Text(), nullable=False),
    )
    op.create_index("ix_letter_move_profile_id", "letter_move", ["profile_id"])
    op.create_table(
        "owed_exit",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("hook", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
