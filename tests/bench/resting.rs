//! What a service takes that nobody calls: it looks whether there is anything to do.

use anyhow::Result;

use crate::cluster::Cluster;
use crate::cost::Cost;
use crate::measure::pass;
use crate::options::Options;
use crate::process::{Process, cpu, memory_kib};

const DATABASE: &str = "bench_resting";
const TOKEN: &str = "the-token-of-a-service-at-rest";
/// The rows, and how much each may be. Most of what is done is a statement of its own, and so a
/// transaction.
const ROWS: [(&str, &str, f64); 3] = [
    ("idle/service/transactions", "per second", 15.0),
    ("idle/service/cpu", "% of a core", 1.0),
    ("idle/service/memory", "MiB", 40.0),
];

/// Measures one service, which has a database for itself, over and over.
pub async fn run(options: &Options, cluster: &Cluster) -> Result<Vec<Cost>> {
    let cost = |(name, unit, max): (&str, _, _)| {
        let name = name.to_owned();
        Cost { name, unit, ours: Vec::new(), theirs: Vec::new(), max: Some(max) }
    };
    let mut costs = ROWS.map(cost);
    if !costs.iter().any(|cost| options.wants(&cost.name)) {
        return Ok(Vec::new());
    }
    println!("a service that nobody calls");
    let url = cluster.database(DATABASE).await?;
    let process = Process::start(&url, &cluster.spare_folder(), TOKEN).await?;
    let (id, span) = (process.id()?, options.rest());
    pass(span.warm_up).await;
    for _ in 0..options.rounds() {
        let before = (cluster.transactions(DATABASE).await?, cpu(id)?);
        pass(span.whole).await;
        let after = (cluster.transactions(DATABASE).await?, cpu(id)?);
        let seconds = span.whole.as_secs_f64();
        let transactions = (after.0 - before.0) / seconds;
        let share = (after.1 - before.1).as_secs_f64() / seconds;
        let seen = [transactions, share * 100.0, memory_kib(id)? / 1024.0];
        for (cost, seen) in costs.iter_mut().zip(seen) {
            cost.ours.push(seen);
        }
    }
    process.stop().await?;
    Ok(costs.into_iter().filter(|cost| options.wants(&cost.name)).collect())
}
