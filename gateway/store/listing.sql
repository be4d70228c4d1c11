-- The braces are filled by listing.py with its own fragments; values are always parameters.

-- name: page
SELECT t.id FROM ({rows} ORDER BY {inner} LIMIT :limit OFFSET :offset) AS p
CROSS JOIN tickets AS t ON t.number = p.number ORDER BY {outer};

-- name: total
SELECT count(*) FROM ({rows});

-- name: of_tickets
SELECT t.number AS number, {ranks} FROM tickets AS t
WHERE t.owner = (SELECT number FROM owners WHERE dialect = :dialect AND account = :account)
AND t.deleted IS NULL {conditions}

-- name: of_facets
SELECT f0.ticket AS number, {ranks} FROM facets AS f0 {joins}
WHERE f0.owner = (SELECT number FROM owners WHERE dialect = :dialect AND account = :account)
AND f0.name = :name0 {conditions}

-- name: facet_total
SELECT n FROM facet_counts
WHERE owner = (SELECT number FROM owners WHERE dialect = :dialect AND account = :account)
AND name = :name0 AND value = :value0;
