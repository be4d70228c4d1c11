-- Lists of some statuses by their ends walk over no other tickets.
CREATE INDEX tickets_by_end ON tickets (owner, status, finished, number, id) WHERE deleted IS NULL;
