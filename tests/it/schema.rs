//! Migrations: there and back, once and together.

use potts::store::{Connections, Connector, Store, migrate};

use crate::support::TestDatabase;

const CONNECTIONS: Connections = Connections { read: 1, stream: 1 };

/// What there is beside the list of migrations.
async fn objects(database: &TestDatabase) -> Vec<String> {
    let all = "select 'relation ' || relname from pg_class
                where relnamespace = 'public'::regnamespace and relname not like '\\_\\_diesel%'
               union all select 'function ' || proname from pg_proc
                where pronamespace = 'public'::regnamespace and proname not like 'diesel\\_%'
               union all select 'type ' || typname from pg_type
                where typnamespace = 'public'::regnamespace and typname not like '%\\_\\_diesel%'
               order by 1";
    let rows = database.sql().await.query(all, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_migration_can_be_taken_back_and_run_again() {
    let database = TestDatabase::empty().await;
    let connector = Connector::new(&database.url).unwrap();
    let done = migrate::run(&connector).await.unwrap();
    // The log has partitions, as after any start.
    Store::new(connector.clone(), CONNECTIONS).keep_partitions(Default::default()).await.unwrap();
    let before = objects(&database).await;

    migrate::revert_all(&connector).await.unwrap();
    let left = objects(&database).await;
    let again = migrate::run(&connector).await.unwrap();
    Store::new(connector.clone(), CONNECTIONS).keep_partitions(Default::default()).await.unwrap();

    assert_eq!(left, Vec::<String>::new());
    assert_eq!(done, again);
    assert_eq!(before, objects(&database).await);
    assert!(before.contains(&"relation events_00000004".to_owned()), "{before:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn migrating_again_does_nothing() {
    let database = TestDatabase::empty().await;
    let connector = Connector::new(&database.url).unwrap();
    let missing = migrate::pending(&connector).await.unwrap();
    let first = migrate::run(&connector).await.unwrap();
    let before = objects(&database).await;

    let second = migrate::run(&connector).await.unwrap();

    assert_eq!(missing.names.len(), migrate::all().len());
    assert_eq!(first.names.len(), migrate::all().len());
    assert!(second.names.is_empty(), "{second:?}");
    assert!(migrate::pending(&connector).await.unwrap().names.is_empty());
    assert_eq!(before, objects(&database).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_that_migrate_together_one_does() {
    let database = TestDatabase::empty().await;
    let connector = Connector::new(&database.url).unwrap();

    let (one, two, three) =
        tokio::join!(migrate::run(&connector), migrate::run(&connector), migrate::run(&connector));

    let mut counts = [one, two, three].map(|done| done.unwrap().names.len());
    counts.sort_unstable();
    assert_eq!(counts, [0, 0, migrate::all().len()]);
}
