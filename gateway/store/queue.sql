-- A row stays while a handler has it (claim), so one ticket can't be in two hands: place is the submission that is
-- wanted next, 0 when none is. It goes when the end of what is wanted is written down (complete).

-- name: enqueue
INSERT INTO queue (dialect, account, id, priority, place) VALUES (:dialect, :account, :id, :priority, :place)
ON CONFLICT (dialect, account, id) DO UPDATE SET priority = excluded.priority, place = excluded.place, attempt = 0,
lane = '';

-- name: withdraw
UPDATE queue SET place = 0
WHERE dialect = :dialect AND account = :account AND id = :id AND claim IS NOT NULL AND place > 0
RETURNING 1;

-- name: unqueue
DELETE FROM queue WHERE dialect = :dialect AND account = :account AND id = :id AND claim IS NULL
RETURNING 1;

-- name: unsorted
SELECT dialect, account, id, priority, attempt, place, lane FROM queue
WHERE claim IS NULL AND lane = '' ORDER BY priority DESC, place LIMIT :limit;

-- name: sort
UPDATE queue SET lane = :lane
WHERE dialect = :dialect AND account = :account AND id = :id AND place = :place AND claim IS NULL;

-- name: unsort
UPDATE queue SET lane = '' WHERE claim IS NULL AND lane > '';

-- name: claim
UPDATE queue SET claim = place, attempt = attempt + 1
WHERE rowid = (
    SELECT rowid FROM queue
    WHERE rowid IN (
        SELECT (
            SELECT rowid FROM queue
            WHERE claim IS NULL AND lane = wanted.key AND priority > coalesce(wanted.value, -9e999)
            ORDER BY priority DESC, place LIMIT 1
        )
        FROM json_each(:lanes) AS wanted
    )
    ORDER BY priority DESC, place LIMIT 1
)
RETURNING dialect, account, id, priority, attempt, place, lane;

-- name: complete
DELETE FROM queue
WHERE dialect = :dialect AND account = :account AND id = :id
AND place = :place AND claim = :place AND attempt = :attempt
RETURNING 1;

-- name: release
UPDATE queue SET claim = NULL, lane = '', attempt = max(0, attempt - :back * (place = :place))
WHERE dialect = :dialect AND account = :account AND id = :id AND claim = :place;

-- name: claimed
SELECT dialect, account, id, priority, attempt, claim, lane FROM queue WHERE claim IS NOT NULL;

-- name: sweep
DELETE FROM queue WHERE claim IS NULL AND place = 0;

-- name: waiting
SELECT dialect, account, id, priority, attempt, place, lane FROM queue WHERE claim IS NULL ORDER BY priority DESC, place;
