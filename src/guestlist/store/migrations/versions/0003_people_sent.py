"""How many people Meta has from us per sync, for whoever asks beside the owner of the space."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("sync", sa.Column("people_sent", sa.Integer(), nullable=False, server_default="0"))
