-- Which of an account's tickets have a status or a facet: one bit at each ticket's serial, 8192 to a row. Together with
-- the order of serials that answers how many there are, and who is the n-th, without looking at the tickets.

-- ordered: later serials were never created earlier, so that the order of serials is the order of creation.
ALTER TABLE owners ADD COLUMN ordered INTEGER NOT NULL DEFAULT 1;
UPDATE owners SET ordered = 0 WHERE number IN (
    SELECT owner FROM (
        SELECT owner, created, lag(created) OVER (PARTITION BY owner ORDER BY serial) AS earlier
        FROM tickets WHERE deleted IS NULL
    ) WHERE created < earlier
);
CREATE TRIGGER ticket_out_of_order AFTER INSERT ON tickets
WHEN new.created < (SELECT max(created) FROM tickets WHERE owner = new.owner AND deleted IS NULL) BEGIN
    UPDATE owners SET ordered = 0 WHERE number = new.owner;
END;
CREATE TRIGGER ticket_moved AFTER UPDATE OF created ON tickets WHEN old.created <> new.created BEGIN
    UPDATE owners SET ordered = 0 WHERE number = new.owner;
END;

CREATE INDEX tickets_by_serial ON tickets (owner, serial, id);

-- A status has the name ':status'. Bits are written by bitmap.py.
CREATE TABLE bitmaps (
    owner INTEGER NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    chunk INTEGER NOT NULL,
    bits BLOB NOT NULL,
    UNIQUE (owner, name, value, chunk)
);
INSERT INTO bitmaps SELECT owner, ':status', status, serial >> 13, one_bit(serial & 8191)
FROM tickets WHERE deleted IS NULL
ON CONFLICT DO UPDATE SET bits = with_bits(bits, excluded.bits);
INSERT INTO bitmaps SELECT facets.owner, name, value, serial >> 13, one_bit(serial & 8191)
FROM facets JOIN tickets ON number = ticket WHERE TRUE
ON CONFLICT DO UPDATE SET bits = with_bits(bits, excluded.bits);

CREATE TRIGGER status_marked AFTER INSERT ON tickets WHEN new.deleted IS NULL BEGIN
    INSERT INTO bitmaps VALUES (new.owner, ':status', new.status, new.serial >> 13, one_bit(new.serial & 8191))
    ON CONFLICT DO UPDATE SET bits = with_bits(bits, excluded.bits);
END;
CREATE TRIGGER status_changed AFTER UPDATE OF status, deleted ON tickets
WHEN old.status <> new.status OR (old.deleted IS NULL) <> (new.deleted IS NULL) BEGIN
    UPDATE bitmaps SET bits = without_bit(bits, old.serial & 8191)
    WHERE owner = old.owner AND name = ':status' AND value = old.status AND chunk = old.serial >> 13;
    INSERT INTO bitmaps
    SELECT new.owner, ':status', new.status, new.serial >> 13, one_bit(new.serial & 8191) WHERE new.deleted IS NULL
    ON CONFLICT DO UPDATE SET bits = with_bits(bits, excluded.bits);
END;
-- Before: the triggers of facets look at the ticket's serial.
CREATE TRIGGER ticket_leaves BEFORE DELETE ON tickets BEGIN
    DELETE FROM facets WHERE ticket = old.number;
    UPDATE bitmaps SET bits = without_bit(bits, old.serial & 8191)
    WHERE owner = old.owner AND name = ':status' AND value = old.status AND chunk = old.serial >> 13;
END;
CREATE TRIGGER facet_marked AFTER INSERT ON facets BEGIN
    INSERT INTO bitmaps SELECT new.owner, new.name, new.value, serial >> 13, one_bit(serial & 8191)
    FROM tickets WHERE number = new.ticket
    ON CONFLICT DO UPDATE SET bits = with_bits(bits, excluded.bits);
END;
CREATE TRIGGER facet_unmarked AFTER DELETE ON facets BEGIN
    UPDATE bitmaps SET bits = without_bit(bits, (SELECT serial & 8191 FROM tickets WHERE number = old.ticket))
    WHERE owner = old.owner AND name = old.name AND value = old.value
    AND chunk = (SELECT serial >> 13 FROM tickets WHERE number = old.ticket);
END;
CREATE TRIGGER bitmap_emptied AFTER UPDATE OF bits ON bitmaps WHEN length(new.bits) = 0 BEGIN
    DELETE FROM bitmaps WHERE rowid = new.rowid;
END;
