pub mod serve; pub mod database;
