-- The identities of messages that were received, so that a message sent again adds nothing.

create table inbound_keys (
    project     text         not null,
    key         bytea        not null,
    message_id  uuid         not null,
    expires_at  timestamptz  not null,

    constraint inbound_keys_pk          primary key (project, key),
    constraint inbound_keys_key_length  check (length(key) = 16)
);
-- Serves the sweeper.
create index inbound_keys_by_expires_at on inbound_keys (expires_at);
