//! The table `counters`.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use diesel::sql_types::{Array, BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::error::Result;
use super::prepared::prepared;
use super::table::{Table, assert_written};
use crate::domain::counter::{Counted, Counter, CounterKey};

prepared!(
    Lock(parents: Vec<&'a str> => Array<Text>, nouns: Vec<&'a str> => Array<Text>)
        -> (Text, Text, BigInt, BigInt),
    "select c.parent, c.noun, c.last, c.live from (select * from unnest({parents}, {nouns}) \
     as u (parent, noun) order by parent, noun) as u cross join lateral (select * \
     from counters c where c.parent = u.parent and c.noun = u.noun for no key update) as c"
);

prepared!(
    Insert(
        parents: Vec<&'a str> => Array<Text>,
        nouns: Vec<&'a str> => Array<Text>,
        lasts: Vec<i64> => Array<BigInt>,
        lives: Vec<i64> => Array<BigInt>,
    ) -> (),
    "insert into counters (parent, noun, last, live) \
     select * from unnest({parents}, {nouns}, {lasts}, {lives})"
);

prepared!(
    Update(
        parents: Vec<&'a str> => Array<Text>,
        nouns: Vec<&'a str> => Array<Text>,
        lasts: Vec<i64> => Array<BigInt>,
        lives: Vec<i64> => Array<BigInt>,
    ) -> (),
    "update counters c set last = u.last, live = u.live \
     from unnest({parents}, {nouns}, {lasts}, {lives}) as u (parent, noun, last, live) \
     where c.ctid = (select k.ctid from counters k \
     where k.parent = u.parent and k.noun = u.noun)"
);

fn counter((parent, noun, last, live): (String, String, i64, i64)) -> Counter {
    let of = Counted::stored(&noun).expect("the table's constraint knows what is counted");
    Counter { key: CounterKey { parent, of }, last, live }
}

impl Table for Counter {
    const NAME: &str = "counters";

    async fn lock(conn: &mut AsyncPgConnection, keys: &BTreeSet<CounterKey>) -> Result<Vec<Self>> {
        let parents = keys.iter().map(|key| key.parent.as_str()).collect();
        let nouns = keys.iter().map(|key| key.of.as_str()).collect();
        let rows: Vec<_> = Lock { parents, nouns, _of: PhantomData }.load(conn).await?;
        Ok(rows.into_iter().map(counter).collect())
    }

    async fn insert(conn: &mut AsyncPgConnection, rows: &[&Self]) -> Result<()> {
        let parents = rows.iter().map(|row| row.key.parent.as_str()).collect();
        let nouns = rows.iter().map(|row| row.key.of.as_str()).collect();
        let lasts = rows.iter().map(|row| row.last).collect();
        let lives = rows.iter().map(|row| row.live).collect();
        Insert { parents, nouns, lasts, lives, _of: PhantomData }.execute(conn).await?;
        Ok(())
    }

    async fn update(conn: &mut AsyncPgConnection, rows: &[&Self]) -> Result<()> {
        let parents = rows.iter().map(|row| row.key.parent.as_str()).collect();
        let nouns = rows.iter().map(|row| row.key.of.as_str()).collect();
        let lasts = rows.iter().map(|row| row.last).collect();
        let lives = rows.iter().map(|row| row.live).collect();
        let update = Update { parents, nouns, lasts, lives, _of: PhantomData };
        assert_written(update.execute(conn).await?, rows.len());
        Ok(())
    }
}
