"""What is still to be taken out of an audience, for whoever asks beside the owner of the space."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.add_column("sync", sa.Column("removals_due", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("sync", sa.Column("obeyed", sa.BigInteger()))
