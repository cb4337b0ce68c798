-- Dead letters (ARCHITECTURE §7.3): what was done about them, and what waits behind them.

-- An audit trail: nothing is ever changed or removed.
CREATE TABLE dead_letter_actions (
    action_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- topic:partition:offset of the dead letter
    letter    text NOT NULL,
    action    text NOT NULL CHECK (action IN ('retried', 'dropped', 'opened')),
    reason    text NOT NULL CHECK (reason <> ''),
    -- the operator's account on their machine
    operator  text NOT NULL,
    at        timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX dead_letter_actions_of_letter ON dead_letter_actions (letter);
GRANT SELECT, INSERT ON dead_letter_actions TO qafila_ingest;

-- Aggregates of which an event was set aside: those after it wait, in order, until it is retried or dropped.
CREATE TABLE parked_entities (
    consumer text NOT NULL,
    entity   text NOT NULL,
    cause    text NOT NULL,
    since    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, entity)
);
CREATE TABLE parked_records (
    record_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer  text NOT NULL,
    entity    text NOT NULL,
    topic     text NOT NULL,
    partition integer NOT NULL,
    "offset"  bigint NOT NULL,
    key       text NOT NULL,
    value     bytea,
    -- [name, value] in their order
    headers   jsonb NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (consumer, topic, partition, "offset"),
    FOREIGN KEY (consumer, entity) REFERENCES parked_entities
);
CREATE INDEX parked_records_in_order ON parked_records (consumer, entity, record_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON parked_entities, parked_records TO qafila_oltp;
