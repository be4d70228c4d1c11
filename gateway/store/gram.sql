-- name: values
SELECT value FROM facet_counts
WHERE owner = (SELECT number FROM owners WHERE dialect = :dialect AND account = :account) AND name = :name
LIMIT :most;

-- name: check
SELECT tickets.serial FROM json_each(:serials) AS wanted
CROSS JOIN tickets ON tickets.serial = wanted.value
AND tickets.owner = (SELECT number FROM owners WHERE dialect = :dialect AND account = :account)
CROSS JOIN facets ON facets.ticket = tickets.number AND facets.name = :name
WHERE instr(facets.value, :part);

-- name: scan
SELECT tickets.serial FROM facets JOIN tickets ON tickets.number = facets.ticket
WHERE facets.owner = (SELECT number FROM owners WHERE dialect = :dialect AND account = :account)
AND facets.name = :name AND (instr(facets.value, :part) > 0) = :has;
