-- name: put
INSERT INTO things (dialect, account, kind, id, body) VALUES (:dialect, :account, :kind, :id, :body)
ON CONFLICT (dialect, account, kind, id) DO UPDATE SET body = excluded.body;

-- name: get
SELECT body FROM things WHERE dialect = :dialect AND account = :account AND kind = :kind AND id = :id;

-- name: list
SELECT id, body FROM things WHERE dialect = :dialect AND account = :account AND kind = :kind ORDER BY number;

-- name: delete
DELETE FROM things WHERE dialect = :dialect AND account = :account AND kind = :kind AND id = :id
RETURNING 1;
