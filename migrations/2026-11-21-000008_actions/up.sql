-- Pieces of work. The table in which a row of a live action lies is its state: it has one row in
-- exactly one of action_waits, ready_actions and action_leases, and none once it has ended.

-- A claim and an end change no column that is indexed, and there is room beside each row: such
-- updates touch no index.
create table actions (
    project               text         not null,
    issue                 bigint       not null,
    number                bigint       not null,
    uid                   uuid         not null,
    version               bigint       not null,
    created_at            timestamptz  not null,
    updated_at            timestamptz  not null,
    creator               text         not null,
    title                 text         not null,
    description           text         not null,
    action_type           text         not null,
    action_type_revision  bigint       not null,
    parameters            jsonb        not null,
    assignee              text,
    candidates            text[]       not null,
    priority              smallint     not null,
    unique_key            text         not null,
    not_before            timestamptz,
    due_at                timestamptz,
    expires_at            timestamptz,
    attempt               bigint       not null,
    last_outcome          text,
    failures              int          not null,
    losses                int          not null,
    backoff_ms            bigint       not null,
    retry_at              timestamptz,
    result                jsonb,
    error                 jsonb,
    last_error            jsonb,
    step                  bigint       not null,
    ended_at              timestamptz,
    ended_state           text,

    constraint actions_pk           primary key (project, issue, number),
    constraint actions_uid_unique   unique (uid),
    constraint actions_issue_fk     foreign key (project, issue) references issues,
    constraint actions_number       check (number >= 1),
    constraint actions_version      check (version >= 1),
    constraint actions_priority     check (priority between 0 and 5),
    constraint actions_attempt      check (attempt >= 0),
    constraint actions_ended        check ((ended_at is null) = (ended_state is null)),
    constraint actions_ended_known
        check (ended_state in ('SUCCEEDED', 'FAILED', 'SKIPPED', 'CANCELLED')),
    constraint actions_outcome_known check (last_outcome in
        ('SUCCEEDED', 'FAILED', 'LOST', 'RELEASED', 'PANICKED', 'CANCELLED'))
) with (fillfactor = 50);
-- Serves what is assigned to somebody.
create index actions_by_assignee on actions (assignee) where assignee is not null;

-- The keys of unfinished actions.
create table action_keys (
    project     text    not null,
    issue       bigint  not null,
    unique_key  text    not null,
    number      bigint  not null,

    constraint action_keys_pk         primary key (project, issue, unique_key),
    constraint action_keys_action_fk  foreign key (project, issue, number) references actions
);

-- Actions that wait: PENDING, or PANICKED.
create table action_waits (
    action_id  uuid      not null,
    reason     text      not null,
    unmet      smallint  not null,
    due_at     timestamptz,

    constraint action_waits_pk            primary key (action_id),
    constraint action_waits_reason_known  check (reason in ('ISSUE_INACTIVE', 'DEPENDENCIES',
        'UNSATISFIABLE', 'PARAMETERS', 'TIME', 'PANICKED'))
) with (fillfactor = 70);
-- Serves the clock.
create index action_waits_by_due_at on action_waits (due_at) where due_at is not null;

-- Actions that the same people may claim and that are equally urgent stand in one line. Lines are
-- few and stay. The digest is drawn from all that tells one from another.
create table lines (
    line_id      int       not null generated always as identity,
    project      text      not null,
    digest       bytea     not null,
    action_type  text      not null,
    performers   text[]    not null,
    level        smallint  not null,

    constraint lines_pk             primary key (line_id),
    constraint lines_digest_unique  unique (project, digest),
    constraint lines_level          check (level between 1 and 5)
);

-- Actions that can be claimed. Inserted and deleted, never updated.
create table ready_actions (
    action_id   uuid    not null,
    line_id     int     not null,
    vkey        bigint  not null,
    ready_ms    bigint  not null,
    expires_at  timestamptz,

    constraint ready_actions_pk primary key (action_id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0);
-- Serves claims.
create index ready_actions_in_order on ready_actions (line_id, vkey, action_id);
-- Serves the clock.
create index ready_actions_by_expires_at on ready_actions (expires_at)
    where expires_at is not null;

-- Actions that somebody holds. Few and narrow, so the sweep reads all of them: an index on when
-- they end would make every sign of life write to it.
create table action_leases (
    action_id    uuid         not null,
    fence        bigint       not null,
    actor        text         not null,
    claimed_at   timestamptz  not null,
    started_at   timestamptz,
    deadline_at  timestamptz,
    stop_at      timestamptz,
    stop_state   text,
    stop_reason  text,
    step         text         not null,
    progress     smallint,
    note         text         not null,
    vkey         bigint       not null,

    constraint action_leases_pk          primary key (action_id),
    constraint action_leases_stop        check ((stop_at is null) = (stop_state is null)),
    constraint action_leases_stop_known  check (stop_state in ('SKIPPED', 'CANCELLED')),
    constraint action_leases_progress    check (progress between 0 and 100)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
-- Serves what somebody holds.
create index action_leases_by_actor on action_leases (actor);

-- Claims that have ended.
create table attempts (
    action_id   uuid         not null,
    number      bigint       not null,
    actor       text         not null,
    claimed_at  timestamptz  not null,
    started_at  timestamptz,
    ended_at    timestamptz  not null,
    step        text         not null,
    outcome     text         not null,
    error       jsonb,
    result      jsonb,

    constraint attempts_pk             primary key (action_id, number),
    constraint attempts_outcome_known  check (outcome in
        ('SUCCEEDED', 'FAILED', 'LOST', 'RELEASED', 'PANICKED', 'CANCELLED'))
);

-- What actions depend on: other actions and issues of their project, and times.
create table dependencies (
    action_id      uuid      not null,
    ordinal        smallint  not null,
    on_kind        text      not null,
    on_uid         uuid,
    on_issue       bigint,
    on_number      bigint,
    on_time        timestamptz,
    satisfy        text      not null,
    met            boolean   not null,
    unsatisfiable  boolean   not null,

    constraint dependencies_pk             primary key (action_id, ordinal),
    constraint dependencies_kind_known     check (on_kind in ('ACTION', 'ISSUE', 'TIME')),
    constraint dependencies_satisfy_known
        check (satisfy in ('SUCCESS_OR_SKIP', 'SUCCESS', 'ANY_END', 'FAILURE'))
);
-- Serves whatever ends: who waits for it.
create index dependencies_by_on on dependencies (on_kind, on_uid) where not met;
