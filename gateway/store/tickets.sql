-- name: next_serial
INSERT INTO owners (dialect, account, serial) VALUES (:dialect, :account, 1)
ON CONFLICT (dialect, account) DO UPDATE SET serial = serial + 1;

-- name: add
INSERT INTO tickets (owner, id, serial, status, created, started, finished, source, ended, deleted)
SELECT number, :id, serial, :status, :created, :started, :finished, :source, :ended, :deleted
FROM owners WHERE dialect = :dialect AND account = :account
ON CONFLICT (owner, id) DO NOTHING
RETURNING serial;

-- name: change
UPDATE tickets SET {changes}
WHERE owner = (SELECT number FROM owners WHERE dialect = :dialect AND account = :account) AND id = :id;

-- name: put_body
INSERT INTO bodies (ticket, body) SELECT number, :body FROM tickets
WHERE owner = (SELECT number FROM owners WHERE dialect = :dialect AND account = :account) AND id = :id
ON CONFLICT (ticket) DO UPDATE SET body = excluded.body;

-- name: drop_outputs
DELETE FROM outputs WHERE ticket = (SELECT number FROM tickets
WHERE owner = (SELECT number FROM owners WHERE dialect = :dialect AND account = :account) AND id = :id);

-- name: add_outputs
INSERT OR IGNORE INTO outputs (owner, id, ticket) SELECT owner, value, number FROM tickets, json_each(:ids)
WHERE owner = (SELECT number FROM owners WHERE dialect = :dialect AND account = :account) AND tickets.id = :id;

-- name: drop_facets
DELETE FROM facets WHERE (name = ':container') = :own AND ticket = (SELECT number FROM tickets
WHERE owner = (SELECT number FROM owners WHERE dialect = :dialect AND account = :account) AND id = :id);

-- name: add_facets
INSERT OR IGNORE INTO facets (owner, name, value, created, ticket)
SELECT owner, json_extract(value, '$[0]'), json_extract(value, '$[1]'), created, number
FROM tickets, json_each(:facets)
WHERE owner = (SELECT number FROM owners WHERE dialect = :dialect AND account = :account) AND tickets.id = :id;

-- name: drop_all_facets
DELETE FROM facets WHERE ticket = (SELECT number FROM tickets
WHERE owner = (SELECT number FROM owners WHERE dialect = :dialect AND account = :account) AND id = :id);

-- name: get
SELECT body FROM bodies JOIN tickets ON number = ticket
WHERE owner = (SELECT number FROM owners WHERE dialect = :dialect AND account = :account) AND id = :id;

-- name: get_many
SELECT id, body FROM bodies JOIN tickets ON number = ticket
WHERE owner = (SELECT number FROM owners WHERE dialect = :dialect AND account = :account)
AND id IN (SELECT value FROM json_each(:ids));

-- name: find_output
SELECT tickets.id FROM outputs JOIN tickets ON number = ticket
WHERE outputs.owner = (SELECT number FROM owners WHERE dialect = :dialect AND account = :account)
AND outputs.id = :output AND deleted IS NULL
ORDER BY number DESC LIMIT 1;

-- name: live
SELECT dialect, account, id FROM tickets JOIN owners ON owner = owners.number
WHERE ended IS NULL AND (:status IS NULL OR status = :status) ORDER BY tickets.number;

-- name: unqueued
SELECT dialect, account, id FROM tickets JOIN owners ON owner = owners.number
WHERE ended IS NULL AND status = 'queued' AND NOT EXISTS (
    SELECT 1 FROM queue
    WHERE queue.dialect = owners.dialect AND queue.account = owners.account AND queue.id = tickets.id
) ORDER BY tickets.number;

-- name: ended
SELECT dialect, account, id, ended, tickets.number FROM tickets JOIN owners ON owner = owners.number
WHERE ended IS NOT NULL AND ended < :before AND (ended, tickets.number) > (:ended, :number)
ORDER BY ended, tickets.number LIMIT :limit;

-- name: forget
DELETE FROM tickets
WHERE owner = (SELECT number FROM owners WHERE dialect = :dialect AND account = :account) AND id = :id;

-- name: counts
SELECT status, n FROM ticket_counts
WHERE owner = (SELECT number FROM owners WHERE dialect = :dialect AND account = :account) AND n > 0;

-- name: get_number
SELECT next FROM serials WHERE name = :name;

-- name: put_number
INSERT INTO serials (name, next) VALUES (:name, :next) ON CONFLICT (name) DO UPDATE SET next = excluded.next;
