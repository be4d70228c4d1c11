-- Facets that are searched by parts of their values, as sets for each of a value's trigrams.

INSERT INTO bitmaps SELECT facets.owner, ':' || name, gram.value, serial >> 13, one_bit(serial & 8191)
FROM facets JOIN tickets ON number = ticket JOIN json_each(grams(facets.value)) AS gram WHERE name LIKE 'part:%'
ON CONFLICT DO UPDATE SET bits = with_bits(bits, excluded.bits);

CREATE TRIGGER part_marked AFTER INSERT ON facets WHEN new.name LIKE 'part:%' BEGIN
    INSERT INTO bitmaps SELECT new.owner, ':' || new.name, gram.value, serial >> 13, one_bit(serial & 8191)
    FROM tickets JOIN json_each(grams(new.value)) AS gram WHERE number = new.ticket
    ON CONFLICT DO UPDATE SET bits = with_bits(bits, excluded.bits);
END;
CREATE TRIGGER part_unmarked AFTER DELETE ON facets WHEN old.name LIKE 'part:%' BEGIN
    UPDATE bitmaps SET bits = without_bit(bits, (SELECT serial & 8191 FROM tickets WHERE number = old.ticket))
    WHERE owner = old.owner AND name = ':' || old.name AND value IN (SELECT value FROM json_each(grams(old.value)))
    AND chunk = (SELECT serial >> 13 FROM tickets WHERE number = old.ticket);
END;

-- With the status, so that lists of one status walk nothing but the index.
DROP INDEX tickets_by_started;
CREATE INDEX tickets_by_started ON tickets (owner, started, number, id, status) WHERE deleted IS NULL;
DROP INDEX tickets_by_finished;
CREATE INDEX tickets_by_finished ON tickets (owner, finished, number, id, status) WHERE deleted IS NULL;
