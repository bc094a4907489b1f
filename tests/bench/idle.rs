//! What subscribers cost that are told nothing: memory of the server.

use anyhow::Result;

use crate::grpc::GrpcSide;
use crate::measure::{Span, pass};
use crate::process::memory_kib;
use crate::subscriber::{subscribe, subscribe_over};

/// How many of them share a connection, where they do.
pub const SHARING: usize = 100;

/// KiB that the server, which has just started, holds more for each of so many subscribers over so
/// many connections.
pub async fn run(side: &GrpcSide, count: usize, connections: usize, span: Span) -> Result<f64> {
    // What the first one makes is made for all.
    drop(subscribe(side, 1).await?);
    let before = memory_kib(side.process_id()?)?;
    let standing = subscribe_over(side, count, connections).await?;
    pass(span.whole).await;
    let after = memory_kib(side.process_id()?)?;
    drop(standing);
    Ok((after - before) / count as f64)
}
