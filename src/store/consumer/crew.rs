//! The table `consumer_members`: the members of a consumer, written as they come and go.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::consumer::Crew;
use crate::domain::name::ConsumerName;
use crate::store::error::Result;
use crate::store::prepared::prepared;
use crate::store::table::Table;
use crate::store::time;
use crate::store::writes::Writes;

prepared!(
    Load(projects: Vec<&'a str> => Array<Text>, consumers: Vec<&'a str> => Array<Text>)
        -> (Text, Text, SqlUuid, Timestamptz),
    "select m.project, m.consumer, m.member, m.seen_until \
     from unnest({projects}, {consumers}) as u (project, consumer) cross join lateral \
     (select * from consumer_members m where m.project = u.project \
     and m.consumer = u.consumer offset 0) as m"
);

prepared!(
    Put(
        projects: Vec<&'a str> => Array<Text>,
        consumers: Vec<&'a str> => Array<Text>,
        members: Vec<Uuid> => Array<SqlUuid>,
        seen_untils: Vec<PgTimestamp> => Array<Timestamptz>,
    ) -> (),
    "insert into consumer_members (project, consumer, member, seen_until) \
     select * from unnest({projects}, {consumers}, {members}, {seen_untils}) \
     on conflict on constraint consumer_members_pk do update set seen_until = excluded.seen_until"
);

prepared!(
    Remove(
        projects: Vec<&'a str> => Array<Text>,
        consumers: Vec<&'a str> => Array<Text>,
        members: Vec<Uuid> => Array<SqlUuid>,
    ) -> (),
    "delete from consumer_members m using unnest({projects}, {consumers}, {members}) \
     as u (project, consumer, member) where m.ctid = (select k.ctid from consumer_members k \
     where k.project = u.project and k.consumer = u.consumer and k.member = u.member)"
);

/// One member, by the name of the consumer.
type Member<'a> = (&'a ConsumerName, Uuid, Timestamp);

fn put<'a>(writes: &mut Writes<'a>, members: &[Member<'a>]) {
    if members.is_empty() {
        return;
    }
    writes.add(Put {
        projects: members.iter().map(|(name, ..)| name.project.as_str()).collect(),
        consumers: members.iter().map(|(name, ..)| name.id.as_str()).collect(),
        members: members.iter().map(|(_, member, _)| *member).collect(),
        seen_untils: members.iter().map(|(.., at)| time::to_sql(*at)).collect(),
        _of: PhantomData,
    });
}

fn remove<'a>(writes: &mut Writes<'a>, members: &[Member<'a>]) {
    if members.is_empty() {
        return;
    }
    writes.add(Remove {
        projects: members.iter().map(|(name, ..)| name.project.as_str()).collect(),
        consumers: members.iter().map(|(name, ..)| name.id.as_str()).collect(),
        members: members.iter().map(|(_, member, _)| *member).collect(),
        _of: PhantomData,
    });
}

/// The members of some crews that another one of the same consumer does not have so.
fn members<'a>(crew: &'a Crew, other: Option<&'a Crew>) -> impl Iterator<Item = Member<'a>> {
    let differs = move |(member, at): &(&Uuid, &Timestamp)| {
        other.is_none_or(|other| other.members.get(member) != Some(at))
    };
    let members = crew.members.iter().filter(differs);
    members.map(|(member, at)| (&crew.consumer, *member, *at))
}

impl Table for Crew {
    const NAME: &str = "consumer_members";

    async fn lock(
        mut conn: &AsyncPgConnection,
        keys: &BTreeSet<ConsumerName>,
    ) -> Result<Vec<Self>> {
        let projects = keys.iter().map(|key| key.project.as_str()).collect();
        let consumers = keys.iter().map(|key| key.id.as_str()).collect();
        let load = Load { projects, consumers, _of: PhantomData };
        let rows: Vec<(String, String, Uuid, PgTimestamp)> = load.load(&mut conn).await?;
        let mut crews: BTreeMap<ConsumerName, Crew> = BTreeMap::new();
        for (project, consumer, member, seen_until) in rows {
            let consumer = super::name(&project, &consumer);
            let crew = crews
                .entry(consumer.clone())
                .or_insert_with(|| Crew { consumer, members: BTreeMap::new() });
            crew.members.insert(member, time::from_sql(seen_until));
        }
        Ok(crews.into_values().collect())
    }

    fn insert<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        let all: Vec<_> = rows.iter().flat_map(|crew| members(crew, None)).collect();
        put(writes, &all);
    }

    fn replace<'a>(writes: &mut Writes<'a>, rows: &[(&'a Self, &'a Self)]) {
        let is_gone = |(old, new): &(&Crew, &Crew), member: &Uuid| {
            old.members.contains_key(member) && !new.members.contains_key(member)
        };
        let mut gone = Vec::new();
        for row in rows {
            let left = members(row.0, None).filter(|(_, member, _)| is_gone(row, member));
            gone.extend(left);
        }
        remove(writes, &gone);
        let all: Vec<_> = rows.iter().flat_map(|(old, new)| members(new, Some(old))).collect();
        put(writes, &all);
    }

    fn update<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        let all: Vec<_> = rows.iter().flat_map(|crew| members(crew, None)).collect();
        put(writes, &all);
    }

    fn delete<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        let all: Vec<_> = rows.iter().flat_map(|crew| members(crew, None)).collect();
        remove(writes, &all);
    }
}
