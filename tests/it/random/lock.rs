//! What is written while the order lock is held.

use futures_util::future::join_all;
use potts::store::lock_order::ORDER_LOCK;

use super::rng;
use super::town::{CALLERS, Town};
use crate::support::TestApp;

/// Goal: behind the order lock comes nothing that could wait for a row, also where all is sent at
/// once and the server has never seen the statements before.
/// Method: triggers refuse it. A server that has just started does a bit of everything.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_the_log_is_written_under_the_order_lock() {
    let (seed, size) = (rng::seed(), rng::size(300));
    let app = TestApp::start().await;
    let sql = app.database.sql().await;
    let watch = format!(
        "create function not_under_the_order_lock() returns trigger language plpgsql as $$
         begin
             if exists (select from pg_locks where pid = pg_backend_pid() and granted
                           and locktype = 'advisory' and objid = {ORDER_LOCK}) then
                 raise exception '% is written under the order lock', tg_table_name;
             end if;
             return null;
         end $$;
         do $$
         declare name text;
         begin
             for name in select relname from pg_class where relkind = 'r'
                            and relnamespace = 'public'::regnamespace
                            and relname !~ '^(events|requests)' loop
                 execute format('create trigger not_under_the_order_lock
                     before insert or update or delete on %I
                     for each statement execute function not_under_the_order_lock()', name);
             end loop;
         end $$"
    );
    sql.batch_execute(&watch).await.unwrap();

    let town = Town::on(app).await;
    let mut callers = town.callers(seed).await;
    join_all(callers.iter_mut().map(|caller| caller.work(size / CALLERS.len()))).await;

    let kinds: usize = callers.iter().map(|caller| caller.accepted.len()).sum();
    assert!(kinds > 20, "{kinds} kinds of commands of {CALLERS:?} were carried out");
    let early = "begin; select pg_advisory_xact_lock(7307495); delete from counters; commit";
    let refused = sql.batch_execute(early).await.unwrap_err();
    let said = refused.as_db_error().unwrap().message();
    assert_eq!(said, "counters is written under the order lock");
}
