-- What each attempt to deliver a letter met. Answers are sealed as bodies are; took is in microseconds.
CREATE TABLE attempts (
    number INTEGER PRIMARY KEY,
    letter INTEGER NOT NULL REFERENCES letters (sequence) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    took INTEGER NOT NULL,
    status INTEGER,
    answer TEXT
);
CREATE INDEX attempts_of ON attempts (letter, number);

-- host: who shares a bound on deliveries at once, whatever the path. due: for a letter that is not open, when it ended.
ALTER TABLE letters ADD COLUMN host TEXT NOT NULL DEFAULT '';
UPDATE letters SET host = target;
CREATE INDEX letters_by_state ON letters (state, sequence);
CREATE INDEX letters_over ON letters (due) WHERE state <> 'open';
