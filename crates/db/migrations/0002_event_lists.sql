-- Lists of events are asked for by a subject's name whatever its kind, by event and subject, and without the arrival of traffic, of which
-- there is far more than of all else: none of them may read what it does not show.
DROP INDEX events_by_subject;
CREATE INDEX events_of_subject ON events (subject_name, seq);
CREATE INDEX events_of_subject_by_name ON events (subject_name, name, seq);
CREATE INDEX events_but_traffic ON events (seq) WHERE name <> 'serving.log_advanced';
