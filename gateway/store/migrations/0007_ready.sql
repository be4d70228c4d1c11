-- The letters of each host by the time at which they are due, so that many for one host are no burden to the others.
CREATE INDEX letters_ready ON letters (host, due, sequence) WHERE state = 'open';
