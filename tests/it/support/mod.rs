//! What tests are made of: a PostgreSQL, a database each, a server, clients.

pub mod app;
pub mod eventually;
pub mod http;
pub mod people;
pub mod postgres;
pub mod process;
pub mod programs;
pub mod proxy;
pub mod told;
pub mod work;

pub use app::TestApp;
pub use eventually::eventually;
pub use http::get;
pub use postgres::TestDatabase;
pub use process::Process;
pub use proxy::Proxy;
pub use told::told;
