pub mod embedded;
pub mod proto;
