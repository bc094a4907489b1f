//! People of a test: put into the database beforehand, and changed as another replica would.

use potts::domain::audience::Audience;
use potts::domain::event::Seq;
use potts::proto;
use potts::store::{Append, Connections, Connector, NewEvent, Resolve, Store};
use prost::Message as _;
use prost_types::{Struct, Value, value::Kind};
use tonic::service::interceptor::InterceptedService;
use uuid::Uuid;

use crate::support::TestApp;
use crate::support::app::{Bearer, Door, channel};

/// Somebody with a role in `projects/abc`, if they have one; the door that they come through.
pub async fn person(app: &TestApp, id: &str, role: Option<&str>) -> Door {
    let token = format!("potts_{id:x<43}");
    let sql = format!(
        "insert into actors (name, uid, version, created_at, updated_at, creator, kind,
             display_name, email, time_zone, working_hours, urn, state, admin)
         values ('actors/{id}', gen_random_uuid(), 1, now(), now(), 'actors/root', 'PERSON',
             '{id}', '', '', '{{}}', '', 'ACTIVE', false);
         insert into credentials (uid, actor, created_at, creator, display_name, token_hash)
         values (gen_random_uuid(), 'actors/{id}', now(), 'actors/root', '',
             sha256('{token}'::bytea));"
    );
    app.database.sql().await.batch_execute(&sql).await.unwrap();
    if let Some(role) = role {
        member(app, &format!("actors/{id}"), role).await;
    }
    let channel = channel(app.server.grpc_addr).await;
    InterceptedService::new(channel, Bearer::of(&token))
}

/// Gives an actor or a group a role in `projects/abc`.
pub async fn member(app: &TestApp, name: &str, role: &str) {
    let id = name.rsplit('/').next().unwrap();
    let sql = format!(
        "insert into members (project, id, uid, version, created_at, updated_at, creator, member,
             role)
         values ('abc', '{id}', gen_random_uuid(), 1, now(), now(), 'actors/root', '{name}',
             '{role}')"
    );
    app.database.sql().await.batch_execute(&sql).await.unwrap();
}

/// Makes a group of these.
pub async fn group(app: &TestApp, id: &str, members: &[&str]) {
    let mut sql = format!(
        "insert into groups (name, uid, version, created_at, updated_at, creator, kind,
             display_name)
         values ('groups/{id}', gen_random_uuid(), 1, now(), now(), 'actors/root', 'TEAM', '');"
    );
    for member in members {
        sql += &format!("insert into group_members values ('groups/{id}', '{member}');");
    }
    app.database.sql().await.batch_execute(&sql).await.unwrap();
}

/// Changes people in SQL and tells it in the log, as another replica does.
pub async fn change(app: &TestApp, sql: &str, kind: &'static str) {
    let bumped = format!(
        "{sql}; update definition_versions set version = version + 1
                 where project = '' and kind = 'people'"
    );
    app.database.sql().await.batch_execute(&bumped).await.unwrap();
    append(app, "", "actors/somebody", kind, Audience::everybody()).await;
}

/// Appends an event, as another replica does.
pub async fn append(
    app: &TestApp,
    project: &str,
    subject: &str,
    kind: &'static str,
    audience: Audience,
) {
    let connections = Connections { read: 1, stream: 1 };
    let connector = Connector::new(&app.database.url).unwrap();
    let mut session = Store::new(connector, connections).session();
    let tx = session.open().await.unwrap();
    let resolved = tx.begin(&Resolve::default()).await.unwrap();
    let said = |text: &str| {
        let value = Value { kind: Some(Kind::StringValue(text.to_owned())) };
        Some(Struct { fields: [("status".to_owned(), value)].into() })
    };
    let event_id = Uuid::now_v7();
    let body = proto::Event {
        id: event_id.to_string(),
        r#type: kind.into(),
        project: project.into(),
        subject: subject.into(),
        root: subject.into(),
        before: said("before"),
        after: said("after"),
        data: said("data"),
        ends_command: true,
        ..proto::Event::default()
    };
    let event = NewEvent {
        event_id,
        project: project.into(),
        root: subject.into(),
        subject: subject.into(),
        version: 2,
        kind,
        class: 1,
        ends_command: true,
        audience,
        body: body.encode_to_vec().into(),
    };
    let append = Append {
        known_head: Seq(0),
        now: resolved.now,
        used: &[],
        events: std::slice::from_ref(&event),
        requests: &[],
    };
    tx.append(tx.writes(), &append).await.unwrap();
    tx.commit().await.unwrap();
}
