-- lane: who shares places with it, empty until it was asked. Work of a lane that is full is in nobody's way.
ALTER TABLE queue ADD COLUMN lane TEXT NOT NULL DEFAULT '';
DROP INDEX queue_waiting;
CREATE INDEX queue_waiting ON queue (lane, priority DESC, place) WHERE claim IS NULL;
