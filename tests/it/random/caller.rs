//! Somebody who sends random commands.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use potts::proto::HeartbeatActionRequest;
use tonic::Code;

use super::commands::{Command, Outcome};
use super::draw::{Draw, Drawn, Held};
use super::known::Known;
use super::rng::Rng;
use crate::support::app::Clients;

/// Claims that a caller remembers.
const HELD_MAX: usize = 12;

/// Somebody.
pub struct Caller {
    /// `actors/{id}`.
    pub name: String,
    pub clients: Clients,
    pub rng: Rng,
    known: Arc<Mutex<Known>>,
    held: Vec<Held>,
    /// Calls that were accepted, by their names.
    pub accepted: BTreeMap<&'static str, usize>,
    /// Calls that were refused, by their reasons.
    pub refused: BTreeMap<String, usize>,
    /// Calls that changed something.
    pub changed: usize,
}

impl Caller {
    pub fn new(id: &str, clients: Clients, rng: Rng, known: Arc<Mutex<Known>>) -> Caller {
        Caller {
            name: format!("actors/{id}"),
            clients,
            rng,
            known,
            held: Vec::new(),
            accepted: BTreeMap::new(),
            refused: BTreeMap::new(),
            changed: 0,
        }
    }

    fn draw<T>(&mut self, make: impl FnOnce(&mut Draw<'_>) -> T) -> T {
        let known = self.known.lock().unwrap();
        make(&mut Draw { rng: &mut self.rng, known: &known, held: &self.held })
    }

    /// The next change, that is still to be sent.
    pub fn command(&mut self) -> Command {
        self.draw(|draw| draw.command())
    }

    /// Sends so many commands, one after the other.
    pub async fn work(&mut self, count: usize) {
        for _ in 0..count {
            match self.draw(|draw| draw.drawn()) {
                Drawn::Write(command) => {
                    let outcome = command.send(&self.clients).await;
                    self.note(&command, &outcome);
                }
                Drawn::Beat(beat) => self.beat(beat).await,
            }
        }
    }

    async fn beat(&self, beat: HeartbeatActionRequest) {
        let sent = self.clients.actions().heartbeat_action(beat.clone()).await;
        let code = sent.err().map_or(Code::Ok, |status| status.code());
        assert!(![Code::Internal, Code::Unknown].contains(&code), "{beat:?}: {code:?}");
    }

    /// Takes note of what became of a command.
    pub fn note(&mut self, command: &Command, outcome: &Outcome) {
        match outcome {
            Ok(answer) => {
                self.known.lock().unwrap().learn(answer);
                *self.accepted.entry(command.name()).or_default() += 1;
                self.changed += usize::from(answer.changed);
                for (_, action) in answer.resources.iter().filter(|(kind, _)| *kind == "Action") {
                    let name = action["name"].as_str().unwrap().to_owned();
                    let fence = action["fence"].as_i64().unwrap();
                    let holds = fence > 0;
                    // Some are remembered that have ended: their fences are stale.
                    let forgets = holds || self.rng.chance(80);
                    self.held.retain(|held| !(forgets && held.name == name));
                    if holds {
                        self.held.push(Held { name, fence });
                    }
                }
                let too_many = self.held.len().saturating_sub(HELD_MAX);
                self.held.drain(..too_many);
            }
            Err(refusal) => {
                let ours = [Code::Internal, Code::Unknown, Code::Unavailable, Code::Unimplemented];
                assert!(!ours.contains(&refusal.code), "{command:?}: {refusal:?}");
                *self.refused.entry(refusal.reason.clone()).or_default() += 1;
            }
        }
    }
}
