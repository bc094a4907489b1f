//! The table `consumer_buckets`.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{
    Array, BigInt, Integer, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::consumer::{Bucket, BucketKey, Ranges};
use crate::domain::event::Seq;
use crate::domain::name::ConsumerName;
use crate::store::error::Result;
use crate::store::prepared::{prepared, write_rows};
use crate::store::table::Table;
use crate::store::time;
use crate::store::writes::Writes;

type SqlRow = (
    (Text, Text, SmallInt, BigInt),
    (Nullable<SqlUuid>, Nullable<Timestamptz>, BigInt, BigInt, Text, Integer, Text),
);
type Row = (
    (String, String, i16, i64),
    (Option<Uuid>, Option<PgTimestamp>, i64, i64, String, i32, String),
);

macro_rules! columns {
    () => {
        "b.project, b.consumer, b.bucket, b.version, b.member, b.lease_until, b.fence, \
         b.done_seq, b.finished::text, b.waiting, b.extended::text"
    };
}

prepared!(
    Lock(
        projects: Vec<&'a str> => Array<Text>,
        consumers: Vec<&'a str> => Array<Text>,
        buckets: Vec<i16> => Array<SmallInt>,
    ) -> SqlRow,
    concat!("select ", columns!(), " from (select * from unnest({projects}, {consumers}, \
             {buckets}) as u (project, consumer, bucket) order by project, consumer, bucket) as u \
             cross join lateral (select * from consumer_buckets b where b.project = u.project \
             and b.consumer = u.consumer and b.bucket = u.bucket for no key update) as b")
);

prepared!(
    OfConsumer(project: &'a str => Text, consumer: &'a str => Text) -> SqlRow,
    concat!("select ", columns!(), " from consumer_buckets b where b.project = {project} \
             and b.consumer = {consumer} order by b.bucket")
);

write_rows!(
    Insert of row: Bucket {
        project: &'a str => Text = row.key.consumer.project.as_str(),
        consumer: &'a str => Text = row.key.consumer.id.as_str(),
        bucket: i16 => SmallInt = row.key.number,
        version: i64 => BigInt = row.version,
        member: Option<Uuid> => Nullable<SqlUuid> = row.holder.map(|(member, _)| member),
        lease_until: Option<PgTimestamp> => Nullable<Timestamptz> = lease_until(row),
        fence: i64 => BigInt = row.fence,
        done_seq: i64 => BigInt = row.done.0,
        finished: String => Text = written(&row.finished),
        waiting: i32 => Integer = row.waiting,
        extended: String => Text = written_times(&row.extended),
    },
    "insert into consumer_buckets ({columns}) select u.project, u.consumer, u.bucket, u.version, \
     u.member, u.lease_until, u.fence, u.done_seq, u.finished::int8multirange, u.waiting, \
     u.extended::jsonb from {rows}"
);

write_rows!(
    Update of row: Bucket {
        project: &'a str => Text = row.key.consumer.project.as_str(),
        consumer: &'a str => Text = row.key.consumer.id.as_str(),
        bucket: i16 => SmallInt = row.key.number,
        version: i64 => BigInt = row.version,
        member: Option<Uuid> => Nullable<SqlUuid> = row.holder.map(|(member, _)| member),
        lease_until: Option<PgTimestamp> => Nullable<Timestamptz> = lease_until(row),
        fence: i64 => BigInt = row.fence,
        done_seq: i64 => BigInt = row.done.0,
        finished: String => Text = written(&row.finished),
        waiting: i32 => Integer = row.waiting,
        extended: String => Text = written_times(&row.extended),
    },
    "update consumer_buckets b set version = u.version, member = u.member, lease_until = \
     u.lease_until, fence = u.fence, done_seq = u.done_seq, finished = u.finished::int8multirange, \
     waiting = u.waiting, extended = u.extended::jsonb from {rows} where b.ctid = (select k.ctid \
     from consumer_buckets k where k.project = u.project and k.consumer = u.consumer and k.bucket \
     = u.bucket)"
);

write_rows!(
    Delete of row: Bucket {
        project: &'a str => Text = row.key.consumer.project.as_str(),
        consumer: &'a str => Text = row.key.consumer.id.as_str(),
        bucket: i16 => SmallInt = row.key.number,
    },
    "delete from consumer_buckets b using {rows} where b.ctid = (select k.ctid from \
     consumer_buckets k where k.project = u.project and k.consumer = u.consumer and k.bucket = \
     u.bucket)"
);

fn bucket(row: Row) -> Bucket {
    let ((project, consumer, number, version), state) = row;
    let (member, lease_until, fence, done, finished, waiting, extended) = state;
    let lease_until = lease_until.map(time::from_sql);
    Bucket {
        key: BucketKey { consumer: super::name(&project, &consumer), number },
        version,
        holder: member.zip(lease_until),
        fence,
        done: Seq(done),
        finished: ranges(&finished),
        waiting,
        extended: times(&extended),
    }
}

fn lease_until(bucket: &Bucket) -> Option<PgTimestamp> {
    bucket.holder.map(|(_, lease_until)| time::to_sql(lease_until))
}

/// Reads `{[1,5),[7,9)}`, as PostgreSQL writes multiranges of integers.
fn ranges(text: &str) -> Ranges {
    let mut ranges = Ranges::default();
    let inner = text.trim_start_matches('{').trim_end_matches('}');
    for stretch in inner.split("),").filter(|stretch| !stretch.is_empty()) {
        let stretch = stretch.trim_start_matches('[').trim_end_matches(')');
        let bounds = stretch.split_once(',').and_then(|(first, behind)| {
            Some((first.parse::<i64>().ok()?, behind.parse::<i64>().ok()?))
        });
        let (first, behind) = bounds.expect("only we write ranges");
        ranges.add(Seq(first), Seq(behind - 1));
    }
    ranges
}

fn written(ranges: &Ranges) -> String {
    let all: Vec<String> =
        ranges.iter().map(|(first, last)| format!("[{},{}]", first.0, last.0)).collect();
    format!("{{{}}}", all.join(","))
}

/// Reads instants by places: microseconds since 1970.
fn times(text: &str) -> BTreeMap<Seq, Timestamp> {
    let stored: BTreeMap<String, i64> = serde_json::from_str(text).expect("only we write times");
    let time = |(seq, micros): (String, i64)| {
        let at = Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX);
        Some((Seq(seq.parse().ok()?), at))
    };
    stored.into_iter().filter_map(time).collect()
}

fn written_times(times: &BTreeMap<Seq, Timestamp>) -> String {
    let times = times.iter().map(|(seq, at)| (seq.to_string(), at.as_microsecond().into()));
    serde_json::Value::Object(times.collect()).to_string()
}

/// All buckets of a consumer: not locked.
pub(super) async fn of_consumer(
    mut conn: &AsyncPgConnection,
    name: &ConsumerName,
) -> Result<Vec<Bucket>> {
    let (project, consumer) = (name.project.as_str(), name.id.as_str());
    let rows: Vec<Row> = OfConsumer { project, consumer, _of: PhantomData }.load(&mut conn).await?;
    Ok(rows.into_iter().map(bucket).collect())
}

impl Table for Bucket {
    const NAME: &str = "consumer_buckets";

    async fn lock(mut conn: &AsyncPgConnection, keys: &BTreeSet<BucketKey>) -> Result<Vec<Self>> {
        let lock = Lock {
            projects: keys.iter().map(|key| key.consumer.project.as_str()).collect(),
            consumers: keys.iter().map(|key| key.consumer.id.as_str()).collect(),
            buckets: keys.iter().map(|key| key.number).collect(),
            _of: PhantomData,
        };
        let rows: Vec<Row> = lock.load(&mut conn).await?;
        Ok(rows.into_iter().map(bucket).collect())
    }

    fn insert<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        writes.add(Insert::of(rows));
    }

    fn update<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        writes.exactly(rows.len(), Update::of(rows));
    }

    fn delete<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        writes.exactly(rows.len(), Delete::of(rows));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_times_read_back() {
        let mut all = Ranges::default();
        assert_eq!(ranges("{}"), all);
        all.add(Seq(1), Seq(4));
        all.add(Seq(7), Seq(7));

        assert_eq!(ranges("{[1,5),[7,8)}"), all);
        assert_eq!(written(&all), "{[1,4],[7,7]}");

        let at = Timestamp::from_microsecond(1_234_567).unwrap();
        let some = BTreeMap::from([(Seq(3), at), (Seq(12), Timestamp::UNIX_EPOCH)]);
        assert_eq!(times(&written_times(&some)), some);
    }
}
