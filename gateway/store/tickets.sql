-- name: next_serial
INSERT INTO owners (dialect, account, serial) VALUES (:dialect, :account, 1)
ON CONFLICT (dialect, account) DO UPDATE SET serial = serial + 1
RETURNING number, serial;

-- name: add
INSERT INTO tickets (owner, id, serial, status, created, started, finished, source, ended, deleted)
VALUES (:owner, :id, :serial, :status, :created, :started, :finished, :source, :ended, :deleted)
ON CONFLICT (owner, id) DO NOTHING
RETURNING number;

-- name: change
UPDATE tickets SET status = :status, created = :created, started = :started, finished = :finished,
    source = :source, ended = :ended, deleted = :deleted
WHERE owner = (SELECT number FROM owners WHERE dialect = :dialect AND account = :account) AND id = :id
RETURNING number, owner;

-- name: put_body
INSERT INTO bodies (ticket, body) VALUES (:ticket, :body) ON CONFLICT DO UPDATE SET body = excluded.body;

-- name: drop_outputs
DELETE FROM outputs WHERE ticket = :ticket;

-- name: add_outputs
INSERT OR IGNORE INTO outputs (owner, id, ticket) SELECT :owner, value, :ticket FROM json_each(:ids);

-- name: drop_facets
DELETE FROM facets WHERE ticket = :ticket AND (name = ':container') = :own;

-- name: add_facets
INSERT OR IGNORE INTO facets (owner, name, value, created, ticket)
SELECT :owner, json_extract(value, '$[0]'), json_extract(value, '$[1]'), :created, :ticket FROM json_each(:facets);

-- name: drop_all_facets
DELETE FROM facets WHERE ticket = :ticket;

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
WHERE ended IS NULL ORDER BY tickets.number;

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

-- name: next_numbers
INSERT INTO serials (name, next) VALUES (:name, :start + :count)
ON CONFLICT (name) DO UPDATE SET next = next + :count
RETURNING next - :count;
