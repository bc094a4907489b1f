//! Several servers on one database, each behind a proxy of its own, and doors that lead to any.

use std::cell::RefCell;

use potts::server::Server;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Endpoint;
use tonic::{Code, Status};

use crate::random::rng::Rng;
use crate::support::app::{Bearer, Door, PATIENCE, TOKEN, config};
use crate::support::{Proxy, TestDatabase};

/// A server that is always started again.
struct Replica {
    server: RefCell<Option<Server>>,
    proxy: Proxy,
    door: RefCell<Door>,
    data: tempfile::TempDir,
}

/// Servers on one database.
pub struct Fleet {
    pub database: TestDatabase,
    replicas: Vec<Replica>,
    rng: RefCell<Rng>,
}

impl Replica {
    async fn start(&self, database: &TestDatabase) {
        let set = [("POTTS_DATABASE_URL", self.proxy.url.as_str())];
        let server = Server::start(config(database, self.data.path(), &set)).await.unwrap();
        self.door.replace(lazy(server.grpc_addr));
        self.server.replace(Some(server));
    }
}

/// A door that connects when it is used, and again when its connection has ended.
fn lazy(addr: std::net::SocketAddr) -> Door {
    let endpoint = Endpoint::from_shared(format!("http://{addr}")).unwrap();
    let channel = endpoint.connect_timeout(PATIENCE).connect_lazy();
    InterceptedService::new(channel, Bearer::of(TOKEN))
}

/// A door of a server that is not there.
fn nowhere() -> Door {
    lazy(([127, 0, 0, 1], 1).into())
}

impl Fleet {
    /// So many servers on a new database.
    pub async fn start(count: usize, rng: Rng) -> Fleet {
        let database = TestDatabase::new().await;
        let mut replicas = Vec::new();
        for _ in 0..count {
            let proxy = Proxy::start(&database.url).await;
            let data = tempfile::tempdir().unwrap();
            let door = RefCell::new(nowhere());
            let replica = Replica { server: RefCell::default(), proxy, door, data };
            replica.start(&database).await;
            replicas.push(replica);
        }
        Fleet { database, replicas, rng: RefCell::new(rng) }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.replicas.len()
    }

    /// The door of a server.
    pub fn door(&self, of: usize) -> Door {
        self.replicas[of].door.borrow().clone()
    }

    /// The door of any server.
    pub fn any_door(&self) -> Door {
        let of = self.rng.borrow_mut().below(self.replicas.len());
        self.door(of)
    }

    /// Cuts a server off from the database, for a moment.
    pub fn cut(&self, of: usize) {
        self.replicas[of].proxy.cut();
    }

    /// Ends a session of any server, as an operator does.
    pub async fn kill_a_session(&self) {
        let kill = "select pg_terminate_backend(pid) from pg_stat_activity
                    where application_name like 'potts %' and datname = current_database()
                    order by random() limit 1";
        self.database.sql().await.batch_execute(kill).await.unwrap();
    }

    /// Stops a server, or has it go away without a word, and starts it again.
    pub async fn restart(&self, of: usize, gently: bool) {
        let server = self.replicas[of].server.take().unwrap();
        if gently {
            server.stop(PATIENCE).await;
        } else {
            drop(server);
        }
        // Whatever listens at its address from now on is not a service of this log.
        self.replicas[of].door.replace(nowhere());
        self.replicas[of].start(&self.database).await;
    }

    /// Stops all of them.
    pub async fn stop(self) -> TestDatabase {
        for replica in self.replicas {
            let server = replica.server.take().unwrap();
            server.stop(PATIENCE).await;
        }
        self.database
    }
}

/// Whether the same call is to be sent again, to any server.
pub fn is_passing(status: &Status) -> bool {
    // The port of a server that has just gone may be that of another one's metrics.
    let is_elsewhere = status.code() == Code::Unimplemented && status.message().contains("404");
    is_elsewhere || crate::fault_calls::is_passing(status)
}

/// Deadlocks that a database has seen. Sessions report theirs when they end.
pub async fn deadlocks(database: &TestDatabase) -> i64 {
    let count = "select deadlocks from pg_stat_database where datname = current_database()";
    database.sql().await.query_one(count, &[]).await.unwrap().get(0)
}
