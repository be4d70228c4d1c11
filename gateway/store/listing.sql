-- The braces are filled by listing.py with its own fragments; values are always parameters.

-- name: page
SELECT t.id FROM ({rows} ORDER BY {inner} LIMIT :limit OFFSET :offset) AS p
CROSS JOIN tickets AS t ON t.number = p.number ORDER BY {outer};

-- name: all
SELECT t.number AS number, {ranks} FROM tickets AS t
WHERE t.owner = (SELECT number FROM owners WHERE dialect = :dialect AND account = :account)
AND t.deleted IS NULL {conditions}

-- name: all_by_facet
SELECT f.ticket AS number, {ranks} FROM facets AS f {join}
WHERE f.owner = (SELECT number FROM owners WHERE dialect = :dialect AND account = :account)
AND f.name = :by {conditions}

-- name: few
SELECT t.number AS number, {ranks} FROM json_each(:serials) AS wanted
CROSS JOIN tickets AS t ON t.serial = wanted.value
AND t.owner = (SELECT number FROM owners WHERE dialect = :dialect AND account = :account)
WHERE t.deleted IS NULL {conditions}

-- name: few_by_facet
SELECT t.number AS number, {ranks} FROM json_each(:serials) AS wanted
CROSS JOIN tickets AS t ON t.serial = wanted.value
AND t.owner = (SELECT number FROM owners WHERE dialect = :dialect AND account = :account)
CROSS JOIN facets AS f ON f.ticket = t.number AND f.name = :by
WHERE t.deleted IS NULL {conditions}

-- name: equal
EXISTS (SELECT 1 FROM facets AS e WHERE e.ticket = t.number AND e.name = :equal_name{index}
AND e.value = :equal_value{index})

-- name: part
EXISTS (SELECT 1 FROM facets AS e WHERE e.ticket = t.number AND e.name = :part_name{index}
AND instr(e.value, :part_value{index}))
