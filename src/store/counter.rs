//! The table `counters`.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use diesel::sql_types::{Array, BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::error::Result;
use super::prepared::{prepared, write_rows};
use super::table::Table;
use super::writes::Writes;
use crate::domain::counter::{Counted, Counter, CounterKey};

prepared!(
    Lock(parents: Vec<&'a str> => Array<Text>, nouns: Vec<&'a str> => Array<Text>)
        -> (Text, Text, BigInt, BigInt),
    "select c.parent, c.noun, c.last, c.live from (select * from unnest({parents}, {nouns}) \
     as u (parent, noun) order by parent, noun) as u cross join lateral (select * \
     from counters c where c.parent = u.parent and c.noun = u.noun for no key update) as c"
);

write_rows!(
    Insert of row: Counter {
        parent: &'a str => Text = row.key.parent.as_str(),
        noun: &'a str => Text = row.key.of.as_str(),
        last: i64 => BigInt = row.last,
        live: i64 => BigInt = row.live,
    },
    "insert into counters ({columns}) select * from {rows}"
);

write_rows!(
    Update of row: Counter {
        parent: &'a str => Text = row.key.parent.as_str(),
        noun: &'a str => Text = row.key.of.as_str(),
        last: i64 => BigInt = row.last,
        live: i64 => BigInt = row.live,
    },
    "update counters c set last = u.last, live = u.live from {rows} where c.ctid = (select k.ctid \
     from counters k where k.parent = u.parent and k.noun = u.noun)"
);

fn counter((parent, noun, last, live): (String, String, i64, i64)) -> Counter {
    let of = Counted::stored(&noun).expect("the table's constraint knows what is counted");
    Counter { key: CounterKey { parent, of }, last, live }
}

impl Table for Counter {
    const NAME: &str = "counters";

    async fn lock(mut conn: &AsyncPgConnection, keys: &BTreeSet<CounterKey>) -> Result<Vec<Self>> {
        let parents = keys.iter().map(|key| key.parent.as_str()).collect();
        let nouns = keys.iter().map(|key| key.of.as_str()).collect();
        let rows: Vec<_> = Lock { parents, nouns, _of: PhantomData }.load(&mut conn).await?;
        Ok(rows.into_iter().map(counter).collect())
    }

    fn insert<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        writes.add(Insert::of(rows));
    }

    fn update<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        writes.exactly(rows.len(), Update::of(rows));
    }
}
