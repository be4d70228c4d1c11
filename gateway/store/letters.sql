-- name: post
INSERT INTO letters (letter, dialect, account, id, target, state, due, attempts, status, answer, body)
VALUES (:letter, :dialect, :account, :id, :target, :state, :due, :attempts, :status, :answer, :body)
RETURNING sequence;

-- name: mark
UPDATE letters SET state = :state, due = :due, attempts = :attempts, status = :status, answer = :answer
WHERE letter = :letter;

-- name: log
SELECT body, sequence, state, due, attempts, status, answer FROM letters
WHERE dialect = :dialect AND account = :account AND id = :id ORDER BY sequence;

-- name: one
SELECT body, sequence, state, due, attempts, status, answer FROM letters WHERE letter = :letter;

-- name: due
SELECT body, sequence, state, due, attempts, status, answer FROM (
    SELECT *, row_number() OVER (PARTITION BY target ORDER BY due, sequence) AS turn FROM letters AS this
    WHERE state = 'open' AND due <= :now AND NOT EXISTS (
        SELECT 1 FROM letters AS earlier
        WHERE earlier.dialect = this.dialect AND earlier.account = this.account AND earlier.id = this.id
        AND earlier.target = this.target AND earlier.state = 'open' AND earlier.sequence < this.sequence
    )
) WHERE turn <= :per_target ORDER BY due, sequence LIMIT :limit;

-- name: next_due
SELECT min(due) FROM letters WHERE state = 'open' AND due > :now;

-- name: forget
DELETE FROM letters WHERE dialect = :dialect AND account = :account AND id = :id;
