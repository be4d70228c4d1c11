-- Times are whole microseconds since 1970, UTC. Bodies are the codec's stored form.

CREATE TABLE owners (
    number INTEGER PRIMARY KEY,
    dialect TEXT NOT NULL,
    account TEXT NOT NULL,
    serial INTEGER NOT NULL DEFAULT 0,
    UNIQUE (dialect, account)
);

CREATE TABLE serials (
    name TEXT PRIMARY KEY,
    next INTEGER NOT NULL
) WITHOUT ROWID;

-- Only what lists filter and sort by, so that walking over many rows stays cheap. The rest is in bodies.
CREATE TABLE tickets (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    owner INTEGER NOT NULL REFERENCES owners (number),
    id TEXT NOT NULL,
    serial INTEGER NOT NULL,
    status TEXT NOT NULL,
    created INTEGER NOT NULL,
    started INTEGER,
    finished INTEGER,
    source TEXT,
    ended INTEGER,
    deleted INTEGER,
    UNIQUE (owner, id)
);
CREATE INDEX tickets_by_created ON tickets (owner, created, number, id) WHERE deleted IS NULL;
CREATE INDEX tickets_by_status ON tickets (owner, status, created, number, id) WHERE deleted IS NULL;
CREATE INDEX tickets_by_started ON tickets (owner, started, number, id) WHERE deleted IS NULL;
CREATE INDEX tickets_by_finished ON tickets (owner, finished, number, id) WHERE deleted IS NULL;
CREATE INDEX tickets_by_source ON tickets (owner, source, number, id) WHERE deleted IS NULL;
CREATE INDEX tickets_by_id ON tickets (owner, id, number) WHERE deleted IS NULL;
CREATE INDEX tickets_live ON tickets (number) WHERE ended IS NULL;
CREATE INDEX tickets_ended ON tickets (ended) WHERE ended IS NOT NULL;

CREATE TABLE bodies (
    ticket INTEGER PRIMARY KEY REFERENCES tickets (number) ON DELETE CASCADE,
    body BLOB NOT NULL
);

CREATE TABLE outputs (
    owner INTEGER NOT NULL,
    id TEXT NOT NULL,
    ticket INTEGER NOT NULL REFERENCES tickets (number) ON DELETE CASCADE,
    PRIMARY KEY (owner, id, ticket)
) WITHOUT ROWID;
CREATE INDEX outputs_of ON outputs (ticket);

-- created is the ticket's, so that a filtered list comes out in order.
CREATE TABLE facets (
    owner INTEGER NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    created INTEGER NOT NULL,
    ticket INTEGER NOT NULL REFERENCES tickets (number) ON DELETE CASCADE,
    PRIMARY KEY (owner, name, value, created, ticket)
) WITHOUT ROWID;
CREATE INDEX facets_of ON facets (ticket);

CREATE TABLE ticket_counts (
    owner INTEGER NOT NULL,
    status TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (owner, status)
) WITHOUT ROWID;
CREATE TRIGGER ticket_added AFTER INSERT ON tickets WHEN new.deleted IS NULL BEGIN
    INSERT INTO ticket_counts VALUES (new.owner, new.status, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER ticket_removed AFTER DELETE ON tickets WHEN old.deleted IS NULL BEGIN
    UPDATE ticket_counts SET n = n - 1 WHERE owner = old.owner AND status = old.status;
END;
CREATE TRIGGER ticket_changed AFTER UPDATE OF status, deleted ON tickets
WHEN old.status <> new.status OR (old.deleted IS NULL) <> (new.deleted IS NULL) BEGIN
    UPDATE ticket_counts SET n = n - 1 WHERE old.deleted IS NULL AND owner = old.owner AND status = old.status;
    INSERT INTO ticket_counts SELECT new.owner, new.status, 1 WHERE new.deleted IS NULL
    ON CONFLICT DO UPDATE SET n = n + 1;
END;

CREATE TABLE facet_counts (
    owner INTEGER NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (owner, name, value)
) WITHOUT ROWID;
CREATE TRIGGER facet_added AFTER INSERT ON facets BEGIN
    INSERT INTO facet_counts VALUES (new.owner, new.name, new.value, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER facet_removed AFTER DELETE ON facets BEGIN
    UPDATE facet_counts SET n = n - 1 WHERE owner = old.owner AND name = old.name AND value = old.value;
    DELETE FROM facet_counts WHERE owner = old.owner AND name = old.name AND value = old.value AND n = 0;
END;

-- place is the latest submission, 0 if none is wanted any more; claim is the one that is being run, NULL while none is.
CREATE TABLE queue (
    dialect TEXT NOT NULL,
    account TEXT NOT NULL,
    id TEXT NOT NULL,
    priority INTEGER NOT NULL,
    place INTEGER NOT NULL,
    claim INTEGER,
    attempt INTEGER NOT NULL DEFAULT 0,
    UNIQUE (dialect, account, id)
);
CREATE INDEX queue_waiting ON queue (priority DESC, place) WHERE claim IS NULL;
CREATE INDEX queue_withdrawn ON queue (place) WHERE claim IS NULL AND place = 0;

CREATE TABLE letters (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    letter TEXT NOT NULL UNIQUE,
    dialect TEXT NOT NULL,
    account TEXT NOT NULL,
    id TEXT NOT NULL,
    target TEXT NOT NULL,
    state TEXT NOT NULL,
    due INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    status INTEGER,
    answer TEXT,
    body BLOB NOT NULL
);
CREATE INDEX letters_of ON letters (dialect, account, id, target, sequence);
CREATE INDEX letters_line ON letters (dialect, account, id, target, sequence) WHERE state = 'open';
CREATE INDEX letters_due ON letters (due) WHERE state = 'open';

CREATE TABLE things (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    dialect TEXT NOT NULL,
    account TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (dialect, account, kind, id)
);
