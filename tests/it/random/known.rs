//! What callers have heard of, so that most of what they ask for is there.

use std::collections::BTreeMap;

use super::commands::Answer;

/// Names and etags, from answers.
#[derive(Clone, Debug, Default)]
pub struct Known {
    names: BTreeMap<&'static str, Vec<String>>,
    etags: BTreeMap<String, String>,
}

impl Known {
    /// Takes note of an answer.
    pub fn learn(&mut self, answer: &Answer) {
        for (kind, resource) in &answer.resources {
            let name = resource["name"].as_str().unwrap_or_default();
            if name.is_empty() {
                continue;
            }
            let names = self.names.entry(kind).or_default();
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
            if let Some(etag) = resource["etag"].as_str() {
                self.etags.insert(name.to_owned(), etag.to_owned());
            }
        }
    }

    /// The names of a kind, the newest at the end.
    pub fn names(&self, kind: &str) -> &[String] {
        self.names.get(kind).map_or(&[], Vec::as_slice)
    }

    /// The etag that a thing had when it was last seen.
    pub fn etag(&self, name: &str) -> String {
        self.etags.get(name).cloned().unwrap_or_default()
    }
}
