-- The keys that bodies are sealed with: a salt for what the operator gave, and a proof by which the right one is known.
-- whole: everything is sealed with it.
CREATE TABLE keys (
    number INTEGER PRIMARY KEY,
    salt BLOB NOT NULL,
    proof BLOB NOT NULL,
    whole INTEGER NOT NULL DEFAULT 0
);
