//! Files that describe things: JSON or YAML, one document or several.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::kind::{Fields, Kind};
use crate::cli::Failure;

/// More is no description that people wrote.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// A thing as a file describes it.
#[derive(Clone, PartialEq, Debug)]
pub struct Document {
    /// Where it stands, for people.
    pub origin: String,
    /// What it is.
    pub kind: Kind,
    /// Which.
    pub name: String,
    /// What it is to be, named as the contract's JSON names it.
    pub spec: Fields,
}

/// The values of a file, in order. JSON is YAML too.
pub fn values(path: &Path) -> Result<Vec<Value>, Failure> {
    let wrong = |problem: String| Failure::Usage(format!("{}: {problem}", path.display()));
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().lock().take(FILE_BYTES_MAX + 1).read_to_string(&mut text)
    } else {
        std::fs::File::open(path)
            .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text))
    };
    read.map_err(|error| wrong(error.to_string()))?;
    if u64::try_from(text.len()).is_ok_and(|length| length > FILE_BYTES_MAX) {
        return Err(wrong("is larger than 16 MiB".into()));
    }
    // A reader of JSON says better what is wrong with JSON.
    if text.trim_start().starts_with('{') {
        let values: Result<Vec<Value>, _> =
            serde_json::Deserializer::from_str(&text).into_iter().collect();
        return values.map_err(|error| wrong(error.to_string()));
    }
    let values: Vec<Value> =
        serde_saphyr::from_multiple(&text).map_err(|error| wrong(error.to_string()))?;
    Ok(values.into_iter().filter(|value| !value.is_null()).collect())
}

/// The one thing that a file describes.
pub fn one(path: &Path) -> Result<Fields, Failure> {
    match values(path)?.as_slice() {
        [Value::Object(fields)] => Ok(fields.clone()),
        _ => Err(Failure::Usage(format!("{}: must hold one object", path.display()))),
    }
}

/// All that some files describe, in the order in which it must be made.
pub fn documents(paths: &[PathBuf]) -> Result<Vec<Document>, Failure> {
    let mut documents = Vec::new();
    for path in paths {
        for (n, value) in values(path)?.into_iter().enumerate() {
            let origin = format!("{}[{n}]", path.display());
            let document = document(&origin, value)
                .map_err(|problem| Failure::Usage(format!("{origin}: {problem}")))?;
            documents.push(document);
        }
    }
    documents.sort_by_key(|document| document.kind);
    Ok(documents)
}

fn document(origin: &str, value: Value) -> Result<Document, String> {
    let Value::Object(mut members) = value else { return Err("must be an object".into()) };
    let mut word = |member: &str| match members.remove(member) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(format!("{member} must be a text")),
    };
    let (kind, name) = (word("kind")?, word("name")?);
    let kind = Kind::ALL.iter().copied().find(|known| known.word() == kind).ok_or_else(|| {
        let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.word()).collect();
        format!("kind must be one of {}", known.join(", "))
    })?;
    let spec = match members.remove("spec") {
        Some(Value::Object(spec)) => spec,
        None => Fields::new(),
        Some(_) => return Err("spec must be an object".into()),
    };
    if let Some(member) = members.keys().next() {
        return Err(format!("{member} is unknown; a document has kind, name and spec"));
    }
    Ok(Document { origin: origin.to_owned(), kind, name, spec })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Document>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, text).unwrap();
        documents(&[path]).map_err(|failure| failure.message())
    }

    #[test]
    fn yaml_and_json_say_the_same_and_come_in_the_order_of_need() {
        let yaml = "kind: Workflow\nname: projects/abc/workflows/own\nspec:\n  displayName: Own\n\
                    ---\nkind: Project\nname: projects/abc\n";
        let json = r#"{"kind":"Workflow","name":"projects/abc/workflows/own",
                       "spec":{"displayName":"Own"}}
                      {"kind":"Project","name":"projects/abc"}"#;
        let said = |documents: Vec<Document>| -> Vec<(Kind, Fields)> {
            documents.into_iter().map(|document| (document.kind, document.spec)).collect()
        };

        let (yaml, json) = (said(read(yaml).unwrap()), said(read(json).unwrap()));

        assert_eq!(yaml, json);
        assert_eq!(
            yaml.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(),
            [Kind::Project, Kind::Workflow]
        );
    }

    #[test]
    fn what_is_no_description_is_refused_with_its_place() {
        for (text, problem) in [
            ("kind: Cat\nname: x\n", "kind must be one of"),
            ("kind: Project\n", "name must be a text"),
            ("kind: Project\nname: projects/abc\ncolour: red\n", "colour is unknown"),
            ("- 1\n", "must be an object"),
            ("{", "EOF"),
            ("a: [\n", "file"),
        ] {
            let told = read(text).unwrap_err();
            assert!(told.contains(problem), "{text}: {told}");
        }
    }
}
