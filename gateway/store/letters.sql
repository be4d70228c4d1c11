-- name: post
INSERT INTO letters (letter, dialect, account, id, target, host, state, due, attempts, status, answer, body)
VALUES (:letter, :dialect, :account, :id, :target, :host, :state, :due, :attempts, :status, :answer, :body);

-- name: mark
UPDATE letters SET state = :state, due = :due, attempts = :attempts, status = :status, answer = :answer
WHERE letter = :letter AND state = 'open' AND due = :was;

-- name: note
INSERT INTO attempts (letter, at, took, status, answer)
SELECT sequence, :at, :took, :status, :answer FROM letters WHERE letter = :letter;

-- name: attempts
SELECT at, took, attempts.status, attempts.answer FROM attempts JOIN letters ON sequence = attempts.letter
WHERE letters.letter = :letter ORDER BY attempts.number;

-- name: reopen
-- Its due is another one afterwards, whatever the clock says: what is under way does not answer for it any more.
UPDATE letters SET state = 'open', attempts = 0, due = :due - (due = :due) WHERE letter = :letter
RETURNING dialect, account, id;

-- name: hasten
UPDATE letters SET due = :due WHERE state = 'open' AND due > :latest;

-- name: drop
UPDATE letters SET state = 'dropped', due = :due WHERE letter = :letter AND state = 'open'
RETURNING dialect, account, id;

-- name: log
SELECT body, sequence, state, due, attempts, status, answer FROM letters
WHERE dialect = :dialect AND account = :account AND id = :id ORDER BY sequence;

-- name: one
SELECT body, sequence, state, due, attempts, status, answer FROM letters WHERE letter = :letter;

-- name: due
WITH RECURSIVE hosts (host) AS (
    SELECT min(host) FROM letters INDEXED BY letters_ready WHERE state = 'open'
    UNION ALL
    SELECT (
        SELECT min(host) FROM letters INDEXED BY letters_ready WHERE state = 'open' AND letters.host > hosts.host
    )
    FROM hosts WHERE hosts.host IS NOT NULL
)
SELECT body, sequence, state, due, attempts, status, answer FROM hosts CROSS JOIN letters ON sequence IN (
    SELECT sequence FROM letters AS this
    WHERE this.state = 'open' AND this.host = hosts.host AND this.due <= :now AND NOT EXISTS (
        SELECT 1 FROM letters AS earlier
        WHERE earlier.dialect = this.dialect AND earlier.account = this.account AND earlier.id = this.id
        AND earlier.target = this.target AND earlier.state = 'open' AND earlier.sequence < this.sequence
    )
    ORDER BY this.due, this.sequence LIMIT :per_host
)
WHERE hosts.host IS NOT NULL ORDER BY due, sequence LIMIT :limit;

-- name: find
SELECT body, sequence, state, due, attempts, status, answer FROM letters
WHERE sequence < :before {conditions} ORDER BY sequence DESC LIMIT :limit;

-- name: next_due
SELECT min(due) FROM letters WHERE state = 'open' AND due > :now;

-- name: forget
DELETE FROM letters WHERE dialect = :dialect AND account = :account AND id = :id;

-- name: forget_over
DELETE FROM letters WHERE sequence IN (
    SELECT sequence FROM letters WHERE state <> 'open' AND due < :before ORDER BY due LIMIT :limit
)
RETURNING 1;
