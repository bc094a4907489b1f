//! What `build.rs` generates from `proto/`, as it is.

#![allow(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::large_enum_variant,
    clippy::too_many_lines,
    clippy::doc_lazy_continuation,
    unused_qualifications,
    reason = "generated code does not follow our lints"
)]

/// The packages of `proto/`, nested as their names are.
pub mod potts {
    /// The contract's own package.
    pub mod v1 {
        tonic::include_proto!("potts.v1");
    }
}

/// See [`potts`].
pub mod io {
    /// See [`super::potts`].
    pub mod cloudevents {
        /// The protobuf format of CloudEvents.
        pub mod v1 {
            tonic::include_proto!("io.cloudevents.v1");
        }
    }
}
