//! Health as gRPC asks for it: per service, and for the whole under the empty name.

use tonic::server::NamedService;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

use super::action::Actions;
use super::actor_service::Actors;
use super::configuration::Configurations;
use super::event_service::Events;
use super::issue_service::Issues;
use super::project_service::Projects;
use crate::proto::action_service_server::ActionServiceServer;
use crate::proto::actor_service_server::ActorServiceServer;
use crate::proto::event_service_server::EventServiceServer;
use crate::proto::issue_service_server::IssueServiceServer;
use crate::proto::project_service_server::ProjectServiceServer;
use crate::proto::workflow_service_server::WorkflowServiceServer;

/// The names that have a health.
pub(super) const NAMES: [&str; 7] = [
    "",
    <ProjectServiceServer<Projects> as NamedService>::NAME,
    <IssueServiceServer<Issues> as NamedService>::NAME,
    <ActionServiceServer<Actions> as NamedService>::NAME,
    <WorkflowServiceServer<Configurations> as NamedService>::NAME,
    <EventServiceServer<Events> as NamedService>::NAME,
    <ActorServiceServer<Actors> as NamedService>::NAME,
];

/// What callers are told about the health of the services; cheap to clone.
#[derive(Clone, Debug)]
pub struct Health {
    reporter: HealthReporter,
}

impl Health {
    /// Nothing is serving yet.
    pub async fn new() -> Health {
        let health = Health { reporter: HealthReporter::new() };
        health.set_serving(false).await;
        health
    }

    /// Says whether calls are served. All services need the database, so all follow it together.
    pub async fn set_serving(&self, serving: bool) {
        let status = match serving {
            true => ServingStatus::Serving,
            false => ServingStatus::NotServing,
        };
        for name in NAMES {
            self.reporter.set_service_status(name, status).await;
        }
    }

    pub(super) fn service(&self) -> HealthServer<HealthService> {
        HealthServer::new(HealthService::from_health_reporter(self.reporter.clone()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message as _;
    use prost_types::FileDescriptorSet;

    use super::*;
    use crate::proto::DESCRIPTORS;

    #[test]
    fn every_service_of_the_contract_has_a_health() {
        let FileDescriptorSet { file } = FileDescriptorSet::decode(DESCRIPTORS).unwrap();
        let services = file.iter().flat_map(|file| {
            file.service.iter().map(|service| format!("{}.{}", file.package(), service.name()))
        });
        let known = NAMES.iter().filter(|name| !name.is_empty()).map(|&name| name.to_owned());

        assert_eq!(known.collect::<BTreeSet<_>>(), services.collect());
    }
}
