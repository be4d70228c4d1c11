-- Each list is a name, the first and the last of its values, and one between them that is left out.

-- name: read
SELECT list.key, bitmaps.chunk, bitmaps.bits FROM owners CROSS JOIN json_each(:lists) AS list
CROSS JOIN bitmaps ON bitmaps.owner = owners.number AND bitmaps.name = json_extract(list.value, '$[0]')
AND bitmaps.value BETWEEN json_extract(list.value, '$[1]') AND json_extract(list.value, '$[2]')
AND bitmaps.value IS NOT json_extract(list.value, '$[3]')
WHERE owners.dialect = :dialect AND owners.account = :account
UNION ALL SELECT -1, ordered, NULL FROM owners WHERE dialect = :dialect AND account = :account;

-- name: first
SELECT serial FROM tickets
WHERE owner = (SELECT number FROM owners WHERE dialect = :dialect AND account = :account)
AND deleted IS NULL AND created >= :time ORDER BY created, number LIMIT 1;

-- name: last
SELECT serial FROM tickets
WHERE owner = (SELECT number FROM owners WHERE dialect = :dialect AND account = :account)
AND deleted IS NULL AND created <= :time ORDER BY created DESC, number DESC LIMIT 1;

-- name: ids
SELECT serial, id FROM tickets
WHERE owner = (SELECT number FROM owners WHERE dialect = :dialect AND account = :account)
AND serial IN (SELECT value FROM json_each(:serials));

-- name: of_id
SELECT serial FROM tickets
WHERE owner = (SELECT number FROM owners WHERE dialect = :dialect AND account = :account) AND id = :id;

-- name: of_output
SELECT serial FROM outputs JOIN tickets ON number = ticket
WHERE outputs.owner = (SELECT number FROM owners WHERE dialect = :dialect AND account = :account)
AND outputs.id = :output;

-- name: of_ended
SELECT serial FROM tickets
WHERE owner = (SELECT number FROM owners WHERE dialect = :dialect AND account = :account)
AND deleted IS NULL AND finished IS NULL
UNION ALL SELECT serial FROM tickets
WHERE owner = (SELECT number FROM owners WHERE dialect = :dialect AND account = :account)
AND deleted IS NULL AND finished >= :time;

-- name: of_created
SELECT serial FROM tickets
WHERE owner = (SELECT number FROM owners WHERE dialect = :dialect AND account = :account)
AND deleted IS NULL AND created BETWEEN coalesce(:since, created) AND coalesce(:until, created);
