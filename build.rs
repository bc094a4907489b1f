//! Generates the types of the contract from `proto/`, without needing `protoc`.

use std::path::PathBuf;

use prost::Message as _;

const FILES: &[&str] = &[
    "potts/v1/project_service.proto",
    "potts/v1/issue_service.proto",
    "potts/v1/action_service.proto",
    "potts/v1/event_service.proto",
    "potts/v1/workflow_service.proto",
    "potts/v1/actor_service.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    println!("cargo:rerun-if-changed=migrations");

    let descriptors = protox::compile(FILES, ["proto"])?;
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;

    tonic_prost_build::configure()
        .btree_map(".")
        .bytes(".io.cloudevents.v1.CloudEvent")
        // Batches and deliveries carry events as the bytes that are stored: `src/proto/mod.rs` says
        // how.
        .extern_path(".potts.v1.EventBatch", "crate::proto::EventBatch")
        .extern_path(".potts.v1.Delivery", "crate::proto::Delivery")
        .compile_fds(descriptors)?;
    Ok(())
}
