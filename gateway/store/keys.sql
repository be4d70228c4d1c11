-- name: list
SELECT number, salt, proof, whole FROM keys ORDER BY number;

-- name: add
INSERT INTO keys (number, salt, proof) VALUES (:number, :salt, :proof);

-- name: whole
UPDATE keys SET whole = 1 WHERE number = :number;

-- name: drop_others
DELETE FROM keys WHERE number <> :number;

-- name: bodies
SELECT ticket, body, NULL FROM bodies WHERE ticket > :after ORDER BY ticket LIMIT :limit;

-- name: put_bodies
UPDATE bodies SET body = :body WHERE ticket = :number;

-- name: letters
SELECT sequence, body, answer FROM letters WHERE sequence > :after ORDER BY sequence LIMIT :limit;

-- name: put_letters
UPDATE letters SET body = :body, answer = :answer WHERE sequence = :number;

-- name: things
SELECT number, body, NULL FROM things WHERE number > :after ORDER BY number LIMIT :limit;

-- name: put_things
UPDATE things SET body = :body WHERE number = :number;

-- name: attempts
SELECT number, answer, NULL FROM attempts WHERE number > :after ORDER BY number LIMIT :limit;

-- name: put_attempts
UPDATE attempts SET answer = :body WHERE number = :number;
